// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

Manifest example() {
  Manifest manifest{.step = 150,
                    .model = "digits",
                    .metadata = {{"optimizer", "adam"}, {"text", "quote \" and \n and \xC3\xA4"}},
                    .metrics = {{"loss", 0.1}, {"lost", std::numeric_limits<double>::quiet_NaN()}, {"far", -INFINITY}},
                    .files = {{.name = "variables.safetensors", .numBytes = 4096, .headDigest = {1, 2, 255}}},
                    .tensors = {}};
  manifest.tensors.push_back(
      {.name = "hidden/w", .file = "variables.safetensors", .dtype = f32, .dims = {64, 128}, .digest = {9}});
  manifest.tensors.push_back(
      {.name = "step", .file = "variables.safetensors", .dtype = i64, .dims = {}, .digest = {8}});
  return manifest;
}

// The body of a manifest with a digest that fits: what a hostile or foreign writer may hand in.
std::string withDigest(const std::string& body) {
  Sha256 digest = sha256({reinterpret_cast<const uint8_t*>(body.data()), body.size()});
  return body + ",\"sha256\":\"" + toHex(digest) + "\"}\n";
}
std::string exampleBody() {
  std::string text = encodeManifest(example());
  return text.substr(0, text.rfind(",\"sha256\":\""));
}
std::string altered(const std::string& from, const std::string& to) {
  std::string body = exampleBody();
  return withDigest(body.replace(body.find(from), from.size(), to));
}

TEST(Manifest, round_trip) {
  std::string text = encodeManifest(example());
  auto read = parseManifest(text, "m", "");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->step, 150);
  EXPECT_EQ(read->model, "digits");
  EXPECT_EQ(read->metadata, example().metadata);
  EXPECT_EQ(read->metrics.at("loss"), 0.1);
  EXPECT_TRUE(std::isnan(read->metrics.at("lost")));
  EXPECT_EQ(read->metrics.at("far"), -INFINITY);
  EXPECT_EQ(read->files[0].headDigest, example().files[0].headDigest);
  EXPECT_EQ(read->tensors[0].dims, (std::vector<int64_t>{64, 128}));
  EXPECT_EQ(read->tensors[1].dtype, i64);
  EXPECT_EQ(encodeManifest(*read), text) << "equal manifests give equal bytes";
}

TEST(Manifest, any_flipped_bit_is_refused) {
  std::string text = encodeManifest(example());
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit : {0, 2, 5}) {
      std::string damaged = text;
      damaged[i] ^= static_cast<char>(1 << bit);
      expectError(parseManifest(damaged, "the/file", "; hint").status(), "KILN-R0203", "the/file");
    }
  }
}

TEST(Manifest, any_cut_is_refused) {
  std::string text = encodeManifest(example());
  for (size_t i = 0; i < text.size(); ++i) {
    expectError(parseManifest(text.substr(0, i), "the/file", "; hint").status(), "KILN-R0203", "; hint");
  }
  expectError(parseManifest(text + " ", "the/file", "").status(), "KILN-R0203", "the/file");
}

TEST(Manifest, newer_version_is_named) {
  expectError(parseManifest(altered("\"version\": 1", "\"version\": 7"), "m", "").status(), "KILN-R0205", "format 7");
}

TEST(Manifest, hostile_members_are_refused) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"\"step\": 150", "\"step\": -1"},
      {"\"step\": 150", "\"step\": 9223372036854775808"},
      {"\"step\": 150", "\"step\": \"150\""},
      {"\"step\": 150", "\"stop\": 150"},
      {"\"version\": 1", "\"version\": 0.5"},
      {"kiln.checkpoint", "kiln.somethings"},
      {"\"adam\"", "[[[]]]"},
      {"0.1", "null"},
      {"\"name\": \"variables.safetensors\"", "\"name\": \"../../../etc/passwd\""},
      {"\"name\": \"variables.safetensors\"", "\"name\": \".hidden\""},
      {"\"name\": \"variables.safetensors\"", "\"name\": \"\""},
      {"\"name\": \"variables.safetensors\"", "\"name\": \"elsewhere.safetensors\""},
      {"\"bytes\": 4096", "\"bytes\": 1e300"},
      {"\"f32\"", "\"f31\""},
      {"128", "4611686018427387904"},
      {"128", "-128"},
      {"\"name\": \"step\"", "\"name\": \"hidden/w\""},
      {"0102ff", "0102FF"},
      {"\"tensors\": [", "\"tensors\": [3,"},
      {"\"files\": [", "\"files\": {}, \"x\": ["},
      {"\"files\": [", "\"files\": " + std::string(100000, '[')},
  };
  for (const auto& [from, to] : changes) {
    expectError(parseManifest(altered(from, to), "the/file", "").status(), "KILN-R0203", "the/file");
  }
}

TEST(Manifest, random_changes_give_a_manifest_or_an_error) {
  const std::string body = exampleBody(), pieces = "{}[]\",:0-9e.\\u\xFFntf ";
  std::mt19937 random(1);
  int numRefused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string changed = body;
    for (unsigned n = 1 + random() % 3; n > 0; --n) {
      size_t at = random() % changed.size(), length = random() % 12;
      switch (random() % 3) {
        case 0:
          changed.erase(at, length);
          break;
        case 1:
          changed.insert(at, 1, pieces[random() % pieces.size()]);
          break;
        default:
          changed.insert(random() % changed.size(), changed.substr(at, length));
      }
    }
    auto read = parseManifest(withDigest(changed), "the/file", "");
    if (read.ok()) {
      EXPECT_EQ(encodeManifest(*read), encodeManifest(*parseManifest(encodeManifest(*read), "again", "")));
    } else {
      ++numRefused;
      EXPECT_TRUE(errorIdOf(read.status()) == "KILN-R0203" || errorIdOf(read.status()) == "KILN-R0205")
          << read.status();
    }
  }
  EXPECT_GT(numRefused, 10000);
}

}  // namespace
}  // namespace kiln::runtime
