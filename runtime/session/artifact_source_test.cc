// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/artifact_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/session/artifact_testing.h"
#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

class ArtifactSourceTest : public ::testing::Test {
 protected:
  ArtifactSourceTest() : folder_(::testing::TempDir() + "source" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~ArtifactSourceTest() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string write(const TestArtifact& artifact) const {
    writeTestFile(path("a.kiln"), artifact.bytes());
    return path("a.kiln");
  }

 private:
  std::string folder_;
};

Status train(Session& session) {
  const Tensor index = Tensor::scalar<int64_t>(1);
  return session.runEntry("train", {{"index", index}, {"divisor", index}}).status();
}

TEST_F(ArtifactSourceTest, runs_as_the_model_does) {
  const std::string file = write(fakeArtifact(true));
  Session session = openSession(file, {}, {.threads = 1}).value();
  EXPECT_EQ(session.model().name, "fake");
  const Tensor x = Tensor::of<float>({3}, {1, 2, 3}), y = Tensor::of<float>({3}, {10, 20, 30});
  auto values = session.runEntry("add", {{"x", x}, {"y", y}});
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_TRUE(values->at("z").identicalTo(Tensor::of<float>({3}, {11, 22, 33})));
  EXPECT_EQ(session.variable("w")->at(7), 7);
  EXPECT_EQ(session.variable("count")->at(0), 5);
  ASSERT_TRUE(train(session).ok());
  EXPECT_EQ(session.variable("w")->at(7), 8);
  EXPECT_EQ(session.variable("count")->at(0), 6);
  // A constant, and messages that name the graph's nodes.
  const Tensor m = Tensor::of<double>({1, 2}, {0, 0});
  EXPECT_EQ(session.runEntry("scratch", {{"x", m}})->at("sum").at(0), 2);
  const Tensor nine = Tensor::scalar<int64_t>(9);
  expectError(session.runEntry("train", {{"index", nine}, {"divisor", nine}}).status(), "KILN-R0030", "lookup");
}

TEST_F(ArtifactSourceTest, from_a_folder_and_from_memory) {
  TestArtifact artifact = fakeArtifact(true);
  const std::string bytes = artifact.bytes();
  Session fromMemory = openSession(spanOf(bytes)).value();
  artifact.arrange(/*isFolder=*/true);
  artifact.writeFolder(path("folder"));
  Session fromFolder = openSession(path("folder")).value();
  for (Session* session : {&fromMemory, &fromFolder}) {
    ASSERT_TRUE(train(*session).ok());
    EXPECT_EQ(session->variable("b")->at(3), -4);
  }
  EXPECT_EQ(bytes, fakeArtifact(true).bytes());  // what a session writes stays its own
}

// Sessions of one source, and the file, know nothing of each other's variables.
TEST_F(ArtifactSourceTest, sessions_have_variables_of_their_own) {
  const std::string file = write(fakeArtifact(true));
  const std::string before = readTestFile(file);
  auto source = openArtifact(file).value();
  Session first = Session::create(source).value();
  ASSERT_TRUE(train(first).ok());
  Session second = Session::create(source).value();
  EXPECT_EQ(first.variable("w")->at(0), 1);
  EXPECT_EQ(second.variable("w")->at(0), 0);
  ASSERT_TRUE(second.setVariable("w", Tensor::of<float>({256}, std::vector<float>(256, 9))).ok());
  EXPECT_EQ(first.variable("w")->at(0), 1);
  EXPECT_EQ(Session::create(source)->variable("w")->at(0), 0);
  EXPECT_EQ(readTestFile(file), before);
}

// A session goes on with the file that it opened, whatever takes its name.
TEST_F(ArtifactSourceTest, replaced_file_changes_nothing) {
  const std::string file = write(fakeArtifact(true));
  auto source = openArtifact(file).value();
  writeTestFile(path("other"), "another file");
  std::filesystem::rename(path("other"), file);
  Session session = Session::create(source).value();
  EXPECT_EQ(session.variable("w")->at(255), 255);
  ASSERT_TRUE(train(session).ok());
}

TEST_F(ArtifactSourceTest, init_makes_what_the_weights_lack) {
  Session session = openSession(write(fakeArtifact(false))).value();
  EXPECT_EQ(session.variable("w")->at(0), 1);
  EXPECT_EQ(session.variable("b")->at(0), -1);
  // One variable has a value: it is as it was given, and `init` makes the others.
  TestArtifact artifact = fakeArtifact(false);
  const Tensor b = Tensor::of<float>({256}, std::vector<float>(256, 4));
  artifact.manifest.mutable_variables(1)->set_weight(artifact.addTensor("b", b) + 1);
  artifact.arrange();
  session = openSession(write(artifact)).value();
  EXPECT_EQ(session.variable("w")->at(0), 1);
  EXPECT_EQ(session.variable("b")->at(0), 4);
}

// Tensors that do not fill lines of memory, bools among them, and variables without elements.
TEST_F(ArtifactSourceTest, odd_variables) {
  TestArtifact artifact;
  const Tensor three = Tensor::of<float>({3}, {1, 2, 3}), empty(f32, {0, 4});
  Tensor flags = Tensor::of<bool>({64}, std::vector<bool>(64, true));
  static_cast<uint8_t*>(flags.mutableData())[5] = 7;  // what other programs may write for true
  artifact.addVariable("three", f32, {3}, &three);
  artifact.addVariable("empty", f32, {0, 4}, &empty);
  artifact.addVariable("flags", boolean, {64}, &flags);
  for (const char* name : {"add", "init", "predict", "train", "wait", "parallel", "report", "scratch"}) {
    addTestEntry(artifact, name, {});
  }
  artifact.addImage("here", KILN_TEST_IMAGE);
  artifact.arrange();
  Session session = openSession(write(artifact)).value();
  EXPECT_TRUE(session.variable("three")->identicalTo(three));
  EXPECT_TRUE(session.variable("empty")->identicalTo(empty));
  EXPECT_EQ(static_cast<const uint8_t*>(session.variable("flags")->data())[5], 1);
}

// No page of the weights is read by opening: none is resident in this process.
TEST_F(ArtifactSourceTest, opening_reads_no_weights) {
  constexpr int64_t kElements = int64_t{1} << 22;  // 16 MiB
  TestArtifact artifact;
  const Tensor large(f32, {kElements});
  artifact.addVariable("large", f32, {kElements}, &large);
  for (int i = 0; i < 8; ++i) {
    addTestEntry(artifact, "entry" + std::to_string(i), {});
  }
  artifact.addImage("here", KILN_TEST_IMAGE);
  artifact.arrange();
  const std::string file = write(artifact);
  auto source = openArtifact(file).value();
  Session session = Session::create(source).value();
  // Resident parts of all mappings of the file, of which there are two.
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool isOurs = false;
  int numMappings = 0;
  long residentKb = 0;
  while (std::getline(maps, line)) {
    if (line.find('-') < line.find(' ')) {
      isOurs = line.ends_with(file);
      numMappings += isOurs ? 1 : 0;
    } else if (isOurs && line.starts_with("Rss:")) {
      residentKb += std::stol(line.substr(4));
    }
  }
  EXPECT_EQ(numMappings, 2);
  EXPECT_LT(residentKb, 1024);
  EXPECT_EQ(session.variable("large")->at(kElements - 1), 0);
}

TEST_F(ArtifactSourceTest, some_fetches_in_any_order) {
  Session session = openSession(write(fakeArtifact(true))).value();
  const Tensor x = Tensor::of<double>({2, 1}, {0, 0});
  // An entry of two fetches: one of them, both, the other way around, and one twice.
  auto one = session.runEntry("scratch", {{"x", x}}, {"alignment"});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ(one->size(), 1u);
  EXPECT_EQ(one->at("alignment").at(0), 0);
  auto prepared = session.prepare({"x"}, {"alignment", "sum", "alignment"});
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->signature().fetches[1].name, "sum");
  std::vector<Tensor> values;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(prepared->run({x}, values).ok());
    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[0].dtype(), i64);
    EXPECT_EQ(values[1].at(0), 2);
    EXPECT_TRUE(values[2].identicalTo(values[0]));
  }
  expectError(prepared->run({}, values), "KILN-R0020", "0 feeds, wanted 1");
  std::vector<Tensor> two(2);
  expectError(prepared->run({x}, std::span<Tensor>(two)), "KILN-R0026", "wanted 3");
  // Feeds in another order.
  const Tensor a = Tensor::of<float>({1}, {1}), b = Tensor::of<float>({1}, {2});
  auto add = session.prepare({"y", "x"}, {"z"});
  ASSERT_TRUE(add.ok()) << add.status();
  ASSERT_TRUE(add->run({a, b}, values).ok());
  EXPECT_EQ(values[0].at(0), 3);
  EXPECT_EQ(session.run({{"y", a}, {"x", b}}, {"z"})->at("z").at(0), 3);
}

TEST_F(ArtifactSourceTest, r0309_what_no_entry_computes) {
  Session session = openSession(write(fakeArtifact(true))).value();
  const Tensor x = Tensor::of<double>({1, 1}, {0}), i = Tensor::scalar<int64_t>(1);
  expectError(session.runEntry("scratch", {{"x", x}}, {"sun"}).status(), "KILN-R0309", "'sun' in this entry");
  expectError(session.run({{"x", x}}, {"sum", "z"}).status(), "KILN-R0309", "'sum', 'z' from 'x'");
  expectError(session.prepare({}, {"nothing"}).status(), "KILN-R0309", "'add' ('z' from 'x', 'y')");
  // An entry that writes variables is not run for less than it does.
  expectError(session.run({{"index", i}, {"divisor", i}}, {}).status(), "KILN-R0309", "nothing from");
  EXPECT_TRUE(session.run({{"index", i}, {"divisor", i}}, {"before"}).ok());
  expectError(session.prepareEntry("trian").status(), "KILN-R0001", "train");
  expectError(session.runEntry("add", {{"x", x}}, {"z"}).status(), "KILN-R0011", "'y' is missing");
}

TEST_F(ArtifactSourceTest, r0304_code_with_other_entries) {
  TestArtifact artifact = fakeArtifact(true);
  artifact.manifest.mutable_entries()->RemoveLast();
  artifact.manifest.mutable_images(0)->mutable_entries()->RemoveLast();
  artifact.arrange();
  expectError(openSession(write(artifact)).status(), "KILN-R0304", "8 entries, and it says 7");
}

TEST_F(ArtifactSourceTest, code_that_is_none_is_refused) {
  TestArtifact artifact = fakeArtifact(true);
  artifact.images[0][0] = 'x';
  artifact.arrange();
  expectError(openSession(write(artifact)).status(), "KILN-R0102", "a.kiln");
}

}  // namespace
}  // namespace kiln::runtime
