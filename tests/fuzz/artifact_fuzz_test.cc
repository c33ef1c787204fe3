// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Damaged and hostile artifacts end in an id, or in what the whole one computes; nothing of their code runs before its
// digest has been compared. A manifest that agrees with itself but not with its code is its maker's, as the code is:
// such are opened and prepared here, and not run.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/artifact/layout.h"
#include "proto/base/crc32c.h"
#include "runtime/artifact/artifact_file.h"
#include "runtime/artifact/elf_image.h"
#include "runtime/artifact/signing_key.h"
#include "runtime/artifact/testing.h"
#include "runtime/session/artifact_source.h"
#include "runtime/session/artifact_testing.h"
#include "runtime/session/prepared_run.h"
#include "runtime/session/variables.h"
#include "tests/fuzz/fuzz.h"

namespace kiln {
namespace {

using fuzz::Mutator;
using fuzz::seedOf;
using runtime::TestArtifact;

constexpr int kRounds = 600;

void expectUseful(const Status& status, const std::string& where) {
  auto id = errorIdOf(status);
  EXPECT_TRUE(id && findError(*id) != nullptr) << where << ": " << status;
  EXPECT_LT(status.message().size(), 20000u) << where;
}

// What the sample computes: all entries that end by themselves.
StatusOr<std::vector<Tensor>> runAll(Session session) {
  std::vector<Tensor> results;
  auto add = [&](const std::string& entry, const std::map<std::string, TensorView>& feeds) -> Status {
    KILN_ASSIGN_OR_RETURN(auto values, session.runEntry(entry, feeds));
    for (auto& [name, value] : values) {
      results.push_back(std::move(value));
    }
    return absl::OkStatus();
  };
  const Tensor x = Tensor::of<float>({4}, {1, 2, 3, 4}), one = Tensor::scalar<int64_t>(1);
  const Tensor m = Tensor::of<double>({2, 2}, {0.5, 1, 1.5, 2});
  KILN_RETURN_IF_ERROR(add("add", {{"x", x}, {"y", x}}));
  KILN_RETURN_IF_ERROR(add("predict", {}));
  KILN_RETURN_IF_ERROR(add("train", {{"index", one}, {"divisor", one}}));
  KILN_RETURN_IF_ERROR(add("scratch", {{"x", m}}));
  for (const std::string& name : session.variableNames()) {
    KILN_ASSIGN_OR_RETURN(results.emplace_back(), session.variable(name));
  }
  return results;
}

bool areEqual(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  return std::ranges::equal(a, b, [](const Tensor& x, const Tensor& y) { return x.identicalTo(y); });
}

// Everything up to a run, without one.
Status prepareAll(std::shared_ptr<ExecutableSource> source) {
  KILN_ASSIGN_OR_RETURN(std::vector<Tensor> values, source->firstValues());
  for (Tensor& value : values) {
    // The whole tensor is this session's to write.
    if (value.numBytes() > 0) {
      auto* bytes = static_cast<volatile uint8_t*>(value.mutableData());
      bytes[0] = bytes[value.numBytes() - 1];
      bytes[value.numBytes() - 1] = 1;
    }
  }
  KILN_ASSIGN_OR_RETURN(auto variables, runtime::VariableStore::create(source->model().variables, std::move(values)));
  for (const EntryInfo& entry : source->model().entries) {
    KILN_ASSIGN_OR_RETURN(auto executable,
                          source->find({.entry = entry.name, .feeds = {}, .fetches = {}, .targets = {}}, {}));
    for (const auto& constant : executable->manifest.constants) {
      EXPECT_NE(constant, nullptr);
    }
    KILN_RETURN_IF_ERROR(runtime::PreparedRun::create(executable, variables, 1, entry.name).status());
  }
  return absl::OkStatus();
}

class ArtifactFuzz : public ::testing::Test {
 protected:
  ArtifactFuzz() : folder_(::testing::TempDir() + "fuzz_artifact" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
    whole_ = runtime::fakeArtifact(true);
    bytes_ = whole_.bytes();
    expected_ = runAll(openSession(runtime::spanOf(bytes_), {.verifyWeights = true}).value()).value();
  }
  ~ArtifactFuzz() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  // The bytes are verified whole: refused with an id, or the results of the undamaged artifact.
  bool expectRefusedOrEqual(const std::string& damaged, const std::string& where, bool asFile = false) {
    StatusOr<Session> session = absl::UnknownError("");
    if (asFile) {
      runtime::writeTestFile(path("h.kiln"), damaged);
      session = openSession(path("h.kiln"), {.verifyWeights = true}, {.threads = 1});
    } else {
      session = openSession(runtime::spanOf(damaged), {.verifyWeights = true}, {.threads = 1});
    }
    if (!session.ok()) {
      expectUseful(session.status(), where);
      return false;
    }
    auto results = runAll(std::move(session).value());
    EXPECT_TRUE(results.ok()) << where << ": " << results.status();
    EXPECT_TRUE(results.ok() && areEqual(*results, expected_)) << where;
    return true;
  }

  // A hostile maker's: refused with an id, or consistent.
  bool expectRefusedOrPrepared(const std::string& bytes, const std::string& where) {
    auto source = openArtifact(runtime::spanOf(bytes), {.verifyWeights = true});
    Status status = source.ok() ? prepareAll(*source) : source.status();
    if (!status.ok()) {
      expectUseful(status, where);
    }
    return status.ok();
  }

  TestArtifact whole_;
  std::string bytes_;
  std::vector<Tensor> expected_;

 private:
  std::string folder_;
};

std::string where(uint64_t seed, int round) {
  return "seed " + std::to_string(seed) + ", round " + std::to_string(round);
}

TEST_F(ArtifactFuzz, any_damage) {
  const uint64_t seed = seedOf(101);
  Mutator mutator(seed);
  int numRead = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    numRead += expectRefusedOrEqual(mutator.mutate(bytes_, bytes_), where(seed, i), i % 8 == 0) ? 1 : 0;
  }
  EXPECT_LT(numRead, kRounds / 2);
  EXPECT_TRUE(expectRefusedOrEqual(bytes_, "whole"));
}

// One bit each, most of them where nearly everything matters.
TEST_F(ArtifactFuzz, single_bits) {
  const uint64_t seed = seedOf(102);
  Mutator random(seed);
  int numRead = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    std::string damaged = bytes_;
    const size_t end = i % 2 == 0 ? damaged.size() : whole_.manifest.ByteSizeLong() + sizeof(artifact::Header);
    damaged[random.below(end)] ^= static_cast<char>(1 << random.below(8));
    numRead += expectRefusedOrEqual(damaged, where(seed, i)) ? 1 : 0;
  }
  EXPECT_GT(numRead, 0);  // gaps between sections are nobody's
  EXPECT_LT(numRead, kRounds / 2);
}

TEST_F(ArtifactFuzz, truncations) {
  for (size_t size = 0; size < bytes_.size() && !HasFailure(); size += size < 300 ? 1 : 211) {
    EXPECT_FALSE(expectRefusedOrEqual(bytes_.substr(0, size), std::to_string(size) + " bytes", size % 5 == 0));
  }
  EXPECT_FALSE(expectRefusedOrEqual("", "empty file", true));
}

// The file with another manifest of right digest and length, other parts staying where they were.
std::string withManifest(const TestArtifact& artifact, const std::string& bytes, const std::string& manifest) {
  const auto firstSection = static_cast<size_t>(artifact.manifest.images(0).offset());
  std::string file = runtime::headOf(manifest, bytes.size());
  if (file.size() > firstSection) {
    return runtime::headOf(manifest, std::max(bytes.size(), file.size())) +
           bytes.substr(std::min(bytes.size(), file.size()));
  }
  file.resize(firstSection);
  return file + bytes.substr(firstSection);
}

TEST_F(ArtifactFuzz, manifests_with_a_right_digest) {
  const uint64_t seed = seedOf(103);
  Mutator mutator(seed);
  const std::string manifest = whole_.manifest.SerializeAsString();
  EXPECT_TRUE(expectRefusedOrPrepared(withManifest(whole_, bytes_, manifest), "whole"));
  for (int i = 0; i < 2 * kRounds && !HasFailure(); ++i) {
    expectRefusedOrPrepared(withManifest(whole_, bytes_, mutator.mutate(manifest, manifest)), where(seed, i));
  }
}

// What a hostile maker would try: every field gets values at its limits, those of other fields, and nonsense.
class HostileMaker {
 public:
  explicit HostileMaker(uint64_t seed) : random_(seed) {}

  void change(artifact::Manifest& m) {
    switch (random_.below(31)) {
      case 0:
        return weights(m).set_offset(number());
      case 1:
        return weights(m).set_size(number());
      case 2:
        return weights(m).set_block_bytes(static_cast<uint32_t>(number()));
      case 3:
        return weights(m).add_crc32c(7);
      case 4:
        return weights(m).set_file(text());
      case 5:
        return tensor(m).set_offset(number());
      case 6:
        return tensor(m).set_size(number());
      case 7:
        return tensor(m).set_dtype(type());
      case 8:
        return tensor(m).add_dims(length());
      case 9:
        return tensor(m).set_name(text());
      case 10:
        return image(m).set_offset(number());
      case 11:
        return image(m).set_size(number());
      case 12:
        return image(m).set_sha256(text());
      case 13:
        return image(m).set_file(text());
      case 14:
        return image(m).set_target(text());
      case 15:
        return image(m).set_vector_bits(static_cast<uint32_t>(number()));
      case 16:
        return image(m).add_features(text());
      case 17:
        return image(m).mutable_entries(0)->mutable_arena()->set_static_bytes(length());
      case 18:
        return image(m).mutable_entries(0)->mutable_arena()->add_slots(dimText());
      case 19:
        return variable(m).set_weight(index());
      case 20:
        return variable(m).set_dtype(type());
      case 21:
        return variable(m).set_dims(0, length());
      case 22:
        return variable(m).set_name(text());
      case 23:
        return entry(m).set_name(text());
      case 24:
        return entry(m).add_constants(index());
      case 25:
        return entry(m).add_variables()->set_variable(index());
      case 26:
        return entry(m).add_found_symbols(text());
      case 27:
        return spec(m).set_dtype(type());
      case 28:
        return spec(m).add_dims(dimText());
      case 29:
        return addSymbol(m);
      default:
        return repeat(m);
    }
  }

 private:
  template <class Field>
  auto& any(Field* field) {
    return *field->Mutable(static_cast<int>(random_.below(static_cast<size_t>(field->size()))));
  }
  artifact::Weights& weights(artifact::Manifest& m) { return *m.mutable_weights(); }
  artifact::StoredTensor& tensor(artifact::Manifest& m) { return any(m.mutable_weights()->mutable_tensors()); }
  artifact::Image& image(artifact::Manifest& m) { return any(m.mutable_images()); }
  artifact::Variable& variable(artifact::Manifest& m) {
    return *m.mutable_variables(static_cast<int>(random_.below(2)));
  }
  artifact::Entry& entry(artifact::Manifest& m) { return any(m.mutable_entries()); }
  artifact::TensorSpec& spec(artifact::Manifest& m) {
    artifact::Entry& chosen = entry(m);
    if (chosen.feeds_size() > 0 && random_.below(2) == 0) {
      return any(chosen.mutable_feeds());
    }
    return chosen.fetches_size() > 0 ? any(chosen.mutable_fetches()) : *chosen.add_fetches();
  }
  void addSymbol(artifact::Manifest& m) {
    artifact::Symbol* symbol = entry(m).add_symbols();
    symbol->set_name(text());
    symbol->set_min(length());
    symbol->set_max(length());
  }
  void repeat(artifact::Manifest& m) {
    const size_t times = random_.below(300);
    for (size_t i = 0; i < times; ++i) {
      switch (random_.below(4)) {
        case 0:
          *m.add_entries() = m.entries(0);
          break;
        case 1:
          *m.add_images() = m.images(0);
          break;
        case 2:
          *m.add_variables() = m.variables(0);
          break;
        default:
          m.add_derived_buffers();
          break;
      }
    }
  }
  uint64_t number() {
    const uint64_t numbers[] = {0,
                                1,
                                63,
                                64,
                                100,
                                4095,
                                4096,
                                4097,
                                8192,
                                12288,
                                1 << 20,
                                uint64_t{1} << 31,
                                (uint64_t{1} << 32) + 4096,
                                uint64_t{1} << 62,
                                uint64_t{1} << 63,
                                ~uint64_t{0},
                                ~uint64_t{4095}};
    return numbers[random_.below(std::size(numbers))];
  }
  int64_t length() { return static_cast<int64_t>(number()); }
  uint32_t index() {
    const uint32_t numbers[] = {0, 1, 2, 3, 4, 5, 100, 0x7fffffff, 0x80000000, 0xffffffff};
    return numbers[random_.below(std::size(numbers))];
  }
  uint32_t type() {
    const uint32_t numbers[] = {0, 2, 3, 7, 9, 10, 18, 29, 1000, 1001, 0x80000001, 0xffffffff};
    return numbers[random_.below(std::size(numbers))];
  }
  std::string text() {
    const std::string texts[] = {"",
                                 "a",
                                 "w",
                                 "add",
                                 "n",
                                 "..",
                                 "../x",
                                 "/etc/passwd",
                                 "manifest",
                                 std::string(5000, 'x'),
                                 std::string("a\0b", 3),
                                 "\xc3\xa9",
                                 std::string(32, '\1')};
    return texts[random_.below(std::size(texts))];
  }
  std::string dimText() {
    std::string deep, wide;
    for (int i = 0; i < 40; ++i) {
      deep += "max(n,";
      wide += "n*n*";
    }
    const std::string texts[] = {"",
                                 "-1",
                                 "n",
                                 "4",
                                 "9223372036854775807",
                                 "99999999999999999999",
                                 "n*n*n",
                                 "n+",
                                 "2*n-7",
                                 "floor_div(n, 0)",
                                 "floor_div(3, n)",
                                 deep,
                                 wide + "n",
                                 std::string(3000, 'n'),
                                 "m",
                                 "288230376151711743*n*n",
                                 "max(n, 4611686018427387904)"};
    return texts[random_.below(std::size(texts))];
  }
  Mutator random_;
};

TEST_F(ArtifactFuzz, hostile_makers) {
  const uint64_t seed = seedOf(104);
  HostileMaker maker(seed);
  int numPrepared = 0;
  for (int i = 0; i < 3 * kRounds && !HasFailure(); ++i) {
    TestArtifact hostile = whole_;
    for (int change = 0; change <= i % 3; ++change) {
      maker.change(hostile.manifest);
    }
    numPrepared += expectRefusedOrPrepared(hostile.bytes(), where(seed, i)) ? 1 : 0;
    numPrepared += expectRefusedOrPrepared(withManifest(whole_, bytes_, hostile.manifest.SerializeAsString()),
                                           where(seed, i) + " in place")
                       ? 1
                       : 0;
  }
  EXPECT_GT(numPrepared, 0);
  EXPECT_LT(numPrepared, 3 * kRounds);
}

// A pipe at the descriptor that the image of runtime/artifact/testdata/marking.c writes to when any of it runs.
class Marks {
 public:
  Marks() {
    int ends[2] = {};
    EXPECT_EQ(::pipe(ends), 0);
    EXPECT_EQ(::dup2(ends[1], 987), 987);
    ::close(ends[1]);
    read_ = ends[0];
    ::fcntl(read_, F_SETFL, O_NONBLOCK);
  }
  ~Marks() {
    ::close(987);
    ::close(read_);
  }
  bool taken() {
    char byte = 0;
    return ::read(read_, &byte, 1) == 1;
  }

 private:
  int read_ = -1;
};

TEST_F(ArtifactFuzz, damaged_code_never_runs) {
  TestArtifact marking;
  runtime::addTestEntry(marking, "answer",
                        {.feeds = {},
                         .fetches = {{.name = "out", .dtype = i64, .shape = {}}},
                         .variables = {},
                         .constants = {},
                         .symbols = {},
                         .nodes = {},
                         .kernels = {}});
  marking.addImage("here", KILN_MARKING_IMAGE);
  marking.arrange();
  const std::string bytes = marking.bytes();
  const auto begin = static_cast<size_t>(marking.manifest.images(0).offset());
  Marks marks;
  ASSERT_TRUE(openArtifact(runtime::spanOf(bytes)).ok());
  ASSERT_TRUE(marks.taken());  // the whole one's query does run
  const uint64_t seed = seedOf(105);
  Mutator random(seed);
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    std::string damaged = bytes;
    damaged[begin + random.below(marking.images[0].size())] ^= static_cast<char>(1 << random.below(8));
    const Status status = openArtifact(runtime::spanOf(damaged)).status();
    EXPECT_EQ(errorIdOf(status), "KILN-R0303") << where(seed, i) << ": " << status;
    EXPECT_FALSE(marks.taken()) << where(seed, i);
  }
  // Nor for another machine, another version, or without the signature that is required.
  auto expectRefused = [&](const std::string& id, const std::string& hostile, const ArtifactOptions& options = {}) {
    EXPECT_EQ(errorIdOf(openArtifact(runtime::spanOf(hostile), options).status()), id);
    EXPECT_FALSE(marks.taken()) << id;
  };
  const SecretKey key = makeSecretKey().value(), other = makeSecretKey().value();
  expectRefused("KILN-R0307", bytes, {.requireSignature = toHex(publicKeyOf(key))});
  expectRefused("KILN-R0307", runtime::signedBytes(bytes, other), {.requireSignature = toHex(publicKeyOf(key))});
  TestArtifact changed = marking;
  changed.manifest.mutable_images(0)->add_features("a-feature-of-tomorrow");
  expectRefused("KILN-R0305", changed.bytes());
  changed = marking;
  changed.manifest.mutable_images(0)->set_abi_version(77);
  expectRefused("KILN-R0305", changed.bytes());
  changed = marking;
  changed.manifest.mutable_images(0)->set_triple("s390x-unknown-linux-gnu");
  expectRefused("KILN-R0305", changed.bytes());
}

// Images that a hostile maker gave a right digest. What such code does when it runs is his; that it is an image at all
// is checked first.
TEST_F(ArtifactFuzz, damaged_images_with_a_right_digest) {
  const uint64_t seed = seedOf(106);
  Mutator mutator(seed);
  int numRefused = 0;
  for (int i = 0; i < kRounds && !HasFailure(); ++i) {
    TestArtifact hostile = whole_;
    hostile.images[0] = mutator.mutate(whole_.images[0], whole_.images[0]);
    hostile.arrange();
    if (hostile.images[0].empty()) {
      continue;
    }
    const std::string bytes = hostile.bytes();
    auto file = ArtifactFile::fromMemory(runtime::spanOf(bytes), "memory");
    ASSERT_TRUE(file.ok()) << where(seed, i) << ": " << file.status();
    auto image = (*file)->readImage(0);
    ASSERT_TRUE(image.ok()) << where(seed, i) << ": " << image.status();
    const Status status = runtime::readElfImage(image->bytes).status();
    if (!status.ok()) {
      ++numRefused;
      EXPECT_EQ(errorIdOf(openArtifact(*file).status()), errorIdOf(status)) << where(seed, i);
    }
  }
  EXPECT_GT(numRefused, kRounds / 20);
}

TEST_F(ArtifactFuzz, damaged_weights) {
  const uint64_t seed = seedOf(107);
  Mutator random(seed);
  const auto begin = static_cast<size_t>(whole_.manifest.weights().offset());
  for (int i = 0; i < kRounds / 2 && !HasFailure(); ++i) {
    std::string damaged = bytes_;
    damaged[begin + random.below(whole_.weights.size())] ^= static_cast<char>(1 << random.below(8));
    const Status status = openSession(runtime::spanOf(damaged), {.verifyWeights = true}).status();
    EXPECT_EQ(errorIdOf(status), "KILN-R0306") << where(seed, i) << ": " << status;
    // Without verification they are values like others.
    auto results = runAll(openSession(runtime::spanOf(damaged), {}, {.threads = 1}).value());
    EXPECT_TRUE(results.ok()) << where(seed, i) << ": " << results.status();
  }
}

// A head with right checksums that says something else.
TEST_F(ArtifactFuzz, version_skew) {
  for (uint32_t version : {0u, 2u, 3u, 255u, 0x80000000u, 0xffffffffu}) {
    std::string skewed = bytes_;
    std::memcpy(skewed.data() + offsetof(artifact::Header, formatVersion), &version, sizeof version);
    const uint32_t crc = crc32c(runtime::spanOf(skewed).first(offsetof(artifact::Header, headerCrc)));
    std::memcpy(skewed.data() + offsetof(artifact::Header, headerCrc), &crc, sizeof crc);
    EXPECT_EQ(errorIdOf(openSession(runtime::spanOf(skewed)).status()), "KILN-R0302");
  }
}

TEST_F(ArtifactFuzz, folders) {
  TestArtifact parts = whole_;
  parts.arrange(/*isFolder=*/true);
  const std::string names[] = {"manifest", "here.elf", "weights.safetensors"};
  const uint64_t seed = seedOf(108);
  Mutator mutator(seed);
  for (int i = 0; i < kRounds / 4 && !HasFailure(); ++i) {
    parts.writeFolder(path("f"));
    const std::string victim = path("f/" + names[mutator.below(3)]);
    switch (mutator.below(4)) {
      case 0:
        std::filesystem::remove(victim);
        break;
      case 1:
        std::filesystem::rename(victim, victim + ".moved");
        std::filesystem::create_symlink(victim + ".moved", victim);
        break;
      case 2:
        std::filesystem::remove(victim);
        std::filesystem::create_directories(victim);
        break;
      default:
        runtime::writeTestFile(victim, mutator.mutate(runtime::readTestFile(victim), parts.images[0]));
        break;
    }
    auto session = openSession(path("f"), {.verifyWeights = true}, {.threads = 1});
    if (session.ok()) {
      auto results = runAll(std::move(session).value());
      EXPECT_TRUE(results.ok() && areEqual(*results, expected_)) << where(seed, i);
    } else {
      expectUseful(session.status(), where(seed, i));
    }
    std::filesystem::remove_all(path("f"));
  }
}

TEST_F(ArtifactFuzz, damaged_signatures) {
  const SecretKey key = makeSecretKey().value();
  const ArtifactOptions required{.requireSignature = toHex(publicKeyOf(key))};
  const std::string whole = runtime::signedBytes(bytes_, key);
  ASSERT_TRUE(openSession(runtime::spanOf(whole), required).ok());
  const uint64_t seed = seedOf(109);
  Mutator random(seed);
  for (int i = 0; i < kRounds / 2 && !HasFailure(); ++i) {
    std::string damaged = whole;
    const size_t at =
        i % 2 == 0 ? random.below(whole.size()) : whole.size() - 1 - random.below(sizeof(artifact::Signature));
    damaged[at] ^= static_cast<char>(1 << random.below(8));
    const Status status = openSession(runtime::spanOf(damaged), required).status();
    EXPECT_FALSE(status.ok()) << where(seed, i);
    expectUseful(status, where(seed, i));
  }
}

}  // namespace
}  // namespace kiln
