// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Only what verifies is read; damage is refused by name.
#include "runtime/checkpoint/reader.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "proto/codec/safetensors.h"
#include "runtime/checkpoint/checkpoint_testing.h"
#include "runtime/checkpoint/manifest.h"

namespace kiln::runtime {
namespace {

namespace fs = std::filesystem;

// A folder with the checkpoints of steps 1, 2 and 3.
class StoredSteps : public ::testing::Test {
 protected:
  void SetUp() override {
    auto writer = CheckpointWriter::open(dir, {.metadata = {{"seed", "1"}}});
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (int64_t step = 1; step <= 3; ++step) {
      trainStep(session);
      ASSERT_TRUE(writer->save(session, step, {{"loss", 1.0 / static_cast<double>(step)}}).ok());
    }
    ASSERT_TRUE(writer->close().ok());
  }

  void expectRefused(const std::string& id, const std::string& text) {
    auto before = session.variables();
    auto latest = latestCheckpoint(dir);
    expectError(latest.ok() ? restoreCheckpoint(session, latest->path).status() : latest.status(), id, text);
    expectError(verifyCheckpoint(newest), id, text);
    expectError(latest.ok() ? verifyCheckpoint(latest->path) : latest.status(), id, "step-00000002");
    expectValues(session, before);
  }

  TestFolder folder;
  Session session = fakeSession();
  std::string dir = folder / "run";
  std::string newest = dir + "/step-00000003";
  std::string tensors = newest + "/variables.safetensors";
  std::string manifest = newest + "/manifest.json";
};

TEST_F(StoredSteps, latest_is_the_newest) {
  EXPECT_EQ(checkpointSteps(dir), (std::vector<int64_t>{1, 2, 3}));
  auto info = latestCheckpoint(dir + "/");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->step, 3);
  EXPECT_EQ(info->model, "fake");
  EXPECT_EQ(info->metadata.at("seed"), "1");
  EXPECT_EQ(info->metrics.at("loss"), 1.0 / 3);
  EXPECT_EQ(info->tensors.size(), 3u);
  EXPECT_TRUE(verifyCheckpoint(info->path).ok());
}

TEST_F(StoredSteps, other_programs_read_the_tensors) {
  auto read = readSafetensors(tensors);
  ASSERT_TRUE(read.ok()) << read.status();
  auto values = session.variables();
  ASSERT_EQ(read->size(), values.size());
  for (const NamedTensor& tensor : *read) {
    EXPECT_TRUE(tensor.tensor.identicalTo(values.at(tensor.name))) << tensor.name;
  }
}

TEST_F(StoredSteps, leftovers_and_foreign_names_are_no_checkpoints) {
  for (const char* name :
       {".step-00000009.tmp", "step-9", "step-000000009", "step-0000000x", "notes", "step--0000001"}) {
    fs::create_directory(dir + "/" + name);
  }
  EXPECT_EQ(checkpointSteps(dir), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(checkpointPath("d", 123456789), "d/step-123456789");
}

TEST_F(StoredSteps, flipped_bit_of_a_tensor_is_refused_with_its_name) {
  for (const std::string name : {"w", "b", "count"}) {
    int64_t at = offsetOf(tensors, name) + 5;
    flipBit(tensors, at);
    expectRefused("KILN-R0202", "tensor '" + name + "'");
    flipBit(tensors, at);
  }
  EXPECT_TRUE(verifyCheckpoint(newest).ok());
}

TEST_F(StoredSteps, every_flipped_bit_of_the_file_is_refused) {
  auto size = static_cast<int64_t>(bytesOf(tensors).size());
  for (int64_t at = 0; at < size; at += at < 400 ? 1 : 97) {
    flipBit(tensors, at, static_cast<int>(at % 8));
    Status status = verifyCheckpoint(newest);
    ASSERT_FALSE(status.ok()) << "byte " << at;
    EXPECT_TRUE(errorIdOf(status) == "KILN-R0202" || errorIdOf(status) == "KILN-R0204") << status;
    flipBit(tensors, at, static_cast<int>(at % 8));
  }
}

TEST_F(StoredSteps, cut_and_missing_files_are_refused) {
  std::string bytes = bytesOf(tensors);
  for (size_t size : {bytes.size() - 1, size_t{9}, size_t{7}, size_t{0}}) {
    writeBytes(tensors, bytes.substr(0, size));
    expectRefused("KILN-R0204", "variables.safetensors has " + std::to_string(size) + " bytes");
  }
  writeBytes(tensors, bytes + "x");
  expectRefused("KILN-R0204", "bytes, wanted " + std::to_string(bytes.size()));
  fs::remove(tensors);
  expectRefused("KILN-R0204", "it has no variables.safetensors");
}

TEST_F(StoredSteps, damaged_and_missing_manifests_are_refused) {
  flipBit(manifest, 100);
  expectRefused("KILN-R0203", "manifest.json");
  writeBytes(manifest, "");
  expectRefused("KILN-R0203", "manifest.json");
  fs::remove(manifest);
  expectRefused("KILN-R0204", "it has no manifest.json");
}

TEST_F(StoredSteps, manifest_of_another_model_is_refused) {
  // Same length and head, so that only the manifests disagree with the files.
  Session other = sessionOf({{"w", Tensor(f32, {256})}, {"b", Tensor(f32, {256})}, {"total", Tensor(i64, {})}});
  ASSERT_TRUE(saveCheckpoint(other, folder / "other", 3).ok());
  fs::copy_file(folder / "other/manifest.json", manifest, fs::copy_options::overwrite_existing);
  expectRefused("KILN-R0204", "the head of variables.safetensors");
}

TEST_F(StoredSteps, tensor_that_manifest_and_file_tell_differently_is_named) {
  auto stored = parseManifest(bytesOf(manifest), manifest, "");
  ASSERT_TRUE(stored.ok());
  for (ManifestTensor& tensor : stored->tensors) {
    tensor.dims = tensor.name == "b" ? std::vector<int64_t>{16, 16} : tensor.dims;
  }
  writeBytes(manifest, encodeManifest(*stored));
  expectRefused("KILN-R0206", "tensor 'b': the manifest says f32[16, 16], and the tensor file has f32[256]");
  std::erase_if(stored->tensors, [](const ManifestTensor& tensor) { return tensor.name == "b"; });
  writeBytes(manifest, encodeManifest(*stored));
  expectRefused("KILN-R0206", "tensor 'b': the manifest says nothing");
  stored->tensors.push_back({.name = "c", .file = kTensorFileName, .dtype = f32, .dims = {256}, .digest = {}});
  stored->tensors.push_back({.name = "b", .file = kTensorFileName, .dtype = f32, .dims = {256}, .digest = {}});
  writeBytes(manifest, encodeManifest(*stored));
  expectRefused("KILN-R0206", "tensor 'c': the manifest says f32[256], and the tensor file has nothing");
}

TEST_F(StoredSteps, message_says_how_to_go_back_and_that_works) {
  flipBit(tensors, offsetOf(tensors, "w"));
  expectRefused("KILN-R0202", "move it away to go back to the older 'step-00000002'");
  fs::rename(newest, folder / "damaged");
  auto info = latestCheckpoint(dir);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->step, 2);
  EXPECT_TRUE(restoreCheckpoint(session, info->path).ok());
  EXPECT_EQ(session.variable("count")->at(0), 2);
  flipBit(dir + "/step-00000001/variables.safetensors", 20);
  expectError(verifyCheckpoint(dir + "/step-00000001"), "KILN-R0204", "no older checkpoint");
}

TEST_F(StoredSteps, renamed_folder_is_refused) {
  fs::rename(newest, dir + "/step-00000007");
  expectError(latestCheckpoint(dir).status(), "KILN-R0203", "it is of step 3");
}

TEST_F(StoredSteps, no_checkpoint_is_an_error_of_its_own) {
  expectError(latestCheckpoint(folder / "none").status(), "KILN-R0201", "No such file or directory");
  fs::create_directory(folder / "empty");
  expectError(latestCheckpoint(folder / "empty").status(), "KILN-R0201", "has none");
  expectError(readCheckpoint(folder / "none").status(), "KILN-R0201", "no such folder");
  expectError(readCheckpoint(folder / "empty").status(), "KILN-R0204", "it has no manifest.json");
  EXPECT_EQ(checkpointSteps(folder / "none"), std::vector<int64_t>{});
}

TEST_F(StoredSteps, foreign_files_are_refused) {
  writeBytes(folder / "file", "text");
  expectError(latestCheckpoint(folder / "file").status(), "KILN-R0201", "file");
  expectError(readCheckpoint(folder / "file").status(), "KILN-R0204", "it has no manifest.json");
  fs::remove(manifest);
  fs::create_directory(manifest);
  expectError(latestCheckpoint(dir).status(), "KILN-P0002", "it is a folder");
}

TEST_F(StoredSteps, metadata_that_differs_is_refused) {
  auto info = latestCheckpoint(dir);
  ASSERT_TRUE(info.ok());
  EXPECT_TRUE(requireMetadata(*info, {{"seed", "1"}}).ok());
  expectError(requireMetadata(*info, {{"seed", "2"}}), "KILN-R0215", "its seed is '1', and '2' is wanted");
  expectError(requireMetadata(*info, {{"model", "cnn"}}), "KILN-R0215", "its model is not known, and 'cnn' is wanted");
}

}  // namespace
}  // namespace kiln::runtime
