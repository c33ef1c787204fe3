// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/artifact/artifact_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>

#include "proto/base/crc32c.h"
#include "runtime/artifact/cpu_features.h"
#include "runtime/artifact/signing_key.h"
#include "runtime/artifact/testing.h"

namespace kiln {
namespace {

using runtime::TestArtifact;

// One entry `answer`, which fetches i64[2], and the variables w and b with weights of 3 blocks.
TestArtifact sample() {
  TestArtifact sample;
  sample.manifest.set_producer("test");
  sample.manifest.set_model("sample");
  artifact::Entry* entry = sample.manifest.add_entries();
  entry->set_name("answer");
  artifact::Symbol* symbol = entry->add_symbols();
  symbol->set_name("n");
  symbol->set_min(0);
  symbol->set_max(4096);
  artifact::TensorSpec* feed = entry->add_feeds();
  feed->set_name("x");
  feed->set_dtype(static_cast<uint32_t>(f32));
  feed->add_dims("n");
  artifact::TensorSpec* fetch = entry->add_fetches();
  fetch->set_name("out");
  fetch->set_dtype(static_cast<uint32_t>(i64));
  fetch->add_dims("2");
  entry->add_variables()->set_variable(1);
  Tensor w(f32, {2048}), b = Tensor::of<float>({16}, std::vector<float>(16, 0.5f));
  sample.addVariable("w", f32, {2048}, &w);
  sample.addVariable("b", f32, {16}, &b);
  entry->add_constants(0);
  sample.addImage("here", KILN_TEST_IMAGE);
  sample.manifest.mutable_images(0)->mutable_entries(0)->mutable_arena()->add_slots("64*n");
  sample.arrange();
  return sample;
}

StatusOr<std::shared_ptr<const ArtifactFile>> openBytes(const std::string& bytes, const ArtifactOptions& options = {}) {
  return ArtifactFile::fromMemory(runtime::spanOf(bytes), "memory", options);
}

void expectError(const Status& status, const std::string& id, const std::string& text) {
  ASSERT_FALSE(status.ok()) << "wanted " << id << " " << text;
  EXPECT_EQ(errorIdOf(status), id) << status;
  EXPECT_NE(std::string(status.message()).find(text), std::string::npos) << status;
}

// A folder of this test's own, removed with it.
class ArtifactFileTest : public ::testing::Test {
 protected:
  ArtifactFileTest() : folder_(::testing::TempDir() + "artifact" + std::to_string(::getpid())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~ArtifactFileTest() override { std::filesystem::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
};

TEST_F(ArtifactFileTest, opens_a_file_a_folder_and_memory) {
  TestArtifact one = sample();
  runtime::writeTestFile(path("a.kiln"), one.bytes());
  TestArtifact unpacked = sample();
  unpacked.arrange(/*isFolder=*/true);
  unpacked.writeFolder(path("folder"));
  const std::string bytes = one.bytes();
  for (const std::string& name : {std::string("a.kiln"), std::string("folder"), std::string()}) {
    auto file = name.empty() ? openBytes(bytes, {.verifyWeights = true})
                             : ArtifactFile::open(path(name), {.verifyWeights = true});
    ASSERT_TRUE(file.ok()) << name << ": " << file.status();
    EXPECT_EQ((*file)->isFolder(), name == "folder");
    EXPECT_EQ((*file)->manifest().model(), "sample");
    EXPECT_FALSE((*file)->signature().has_value());
    auto index = (*file)->chooseImage();
    ASSERT_TRUE(index.ok()) << index.status();
    auto image = (*file)->readImage(*index);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_TRUE(LoadedImage::load(*image).ok());
    auto weights = (*file)->mapWeights();
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_EQ(std::string(weights->bytes.begin(), weights->bytes.end()), one.weights);
  }
  EXPECT_TRUE(isArtifactPath(path("a.kiln")));
  EXPECT_TRUE(isArtifactPath(path("folder")));
  EXPECT_FALSE(isArtifactPath(path("none")));
  EXPECT_FALSE(isArtifactPath(path("")));
}

// What is written into a private mapping reaches neither the file nor another mapping.
TEST_F(ArtifactFileTest, private_weights_stay_private) {
  const std::string bytes = sample().bytes();
  runtime::writeTestFile(path("a.kiln"), bytes);
  auto file = ArtifactFile::open(path("a.kiln")).value();
  auto shared = file->mapWeights().value();
  auto first = file->mapPrivateWeights().value(), second = file->mapPrivateWeights().value();
  ASSERT_EQ(first.bytes.size(), shared.bytes.size());
  const uint8_t before = first.bytes[100];
  first.bytes[100] = static_cast<uint8_t>(before + 1);
  EXPECT_EQ(second.bytes[100], before);
  EXPECT_EQ(shared.bytes[100], before);
  EXPECT_EQ(runtime::readTestFile(path("a.kiln")), bytes);
}

// A file that is replaced while it is open is read on as it was.
TEST_F(ArtifactFileTest, replaced_file_is_read_on) {
  runtime::writeTestFile(path("a.kiln"), sample().bytes());
  auto file = ArtifactFile::open(path("a.kiln")).value();
  runtime::writeTestFile(path("b.kiln"), "something else");
  std::filesystem::rename(path("b.kiln"), path("a.kiln"));
  EXPECT_TRUE(file->verifyWeights().ok());
  EXPECT_TRUE(file->readImage(0).ok());
}

// A file that was cut off after it was opened gives an error for what is read, and no signal.
TEST_F(ArtifactFileTest, cut_file_is_an_error) {
  runtime::writeTestFile(path("a.kiln"), sample().bytes());
  auto file = ArtifactFile::open(path("a.kiln")).value();
  std::filesystem::resize_file(path("a.kiln"), 1000);
  expectError(file->readImage(0).status(), "KILN-R0303", "shorter");
  expectError(file->verifyWeights(), "KILN-R0303", "shorter");
}

TEST_F(ArtifactFileTest, r0301_other_files) {
  expectError(openBytes("").status(), "KILN-R0301", "0 bytes");
  expectError(openBytes("\x89KILN").status(), "KILN-R0301", "5 bytes");
  expectError(openBytes(std::string(500, 'x')).status(), "KILN-R0301", "begins otherwise");
  std::string text = sample().bytes();
  text.replace(5, 2, "\n");  // as a transfer of text does
  expectError(openBytes(text).status(), "KILN-R0301", "line ends");
  std::filesystem::create_directories(path("empty"));
  expectError(ArtifactFile::open(path("empty")).status(), "KILN-R0301", "without a file 'manifest'");
  expectError(ArtifactFile::open(path("none")).status(), "KILN-P0001", "none");
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  expectError(ArtifactFile::open(path("pipe")).status(), "KILN-P0002", "plain");
}

// Changes the header and gives it a right checksum again.
std::string withHeader(std::string bytes, const std::function<void(artifact::Header&)>& change) {
  artifact::Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  change(header);
  header.headerCrc = crc32c({reinterpret_cast<const uint8_t*>(&header), offsetof(artifact::Header, headerCrc)});
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

TEST_F(ArtifactFileTest, r0302_other_formats) {
  const std::string bytes = sample().bytes();
  expectError(openBytes(withHeader(bytes, [](auto& h) { h.formatVersion = 2; })).status(), "KILN-R0302", "format 2");
  expectError(openBytes(withHeader(bytes, [](auto& h) { h.formatVersion = 0; })).status(), "KILN-R0302", "format 1");
}

TEST_F(ArtifactFileTest, r0303_damaged_head) {
  const std::string bytes = sample().bytes();
  std::string damaged = bytes;
  damaged[60] ^= 1;
  expectError(openBytes(damaged).status(), "KILN-R0303", "CRC-32C of its header");
  expectError(openBytes(withHeader(bytes, [](auto& h) { h.headerBytes = 64; })).status(), "KILN-R0303", "header");
  expectError(openBytes(withHeader(bytes, [](auto& h) { h.reserved[3] = 1; })).status(), "KILN-R0303", "header");
  expectError(openBytes(withHeader(bytes, [](auto& h) { h.manifestBytes = ~uint64_t{0} - 4; })).status(), "KILN-R0303",
              "manifest of");
  expectError(openBytes(withHeader(bytes, [](auto& h) { h.fileBytes += 1; })).status(), "KILN-R0303", "wanted");
  expectError(openBytes(bytes.substr(0, bytes.size() - 1)).status(), "KILN-R0303", "wanted");
  expectError(openBytes(bytes + "x").status(), "KILN-R0303", "wanted");
  damaged = bytes;
  damaged[sizeof(artifact::Header) + 3] ^= 1;
  expectError(openBytes(damaged).status(), "KILN-R0303", "SHA-256 of its manifest");
}

TEST_F(ArtifactFileTest, r0303_damaged_code) {
  const TestArtifact whole = sample();
  std::string bytes = whole.bytes();
  const auto begin = static_cast<size_t>(whole.manifest.images(0).offset());
  for (size_t at : {size_t{0}, size_t{777}, whole.images[0].size() - 1}) {
    std::string damaged = bytes;
    damaged[begin + at] ^= 4;
    auto file = openBytes(damaged);
    ASSERT_TRUE(file.ok()) << file.status();
    expectError((*file)->readImage(0).status(), "KILN-R0303", "code for 'here'");
  }
}

TEST_F(ArtifactFileTest, r0303_folders) {
  TestArtifact parts = sample();
  parts.arrange(/*isFolder=*/true);
  auto expectFolder = [&](const std::string& text) {
    expectError(ArtifactFile::open(path("f")).status(), "KILN-R0303", text);
    std::filesystem::remove_all(path("f"));
    parts.writeFolder(path("f"));
  };
  parts.writeFolder(path("f"));
  ASSERT_TRUE(ArtifactFile::open(path("f")).ok());
  std::filesystem::remove(path("f/here.elf"));
  expectFolder("'here.elf' with its code for 'here' is missing");
  std::filesystem::remove(path("f/weights.safetensors"));
  expectFolder("is missing");
  std::filesystem::rename(path("f/here.elf"), path("elsewhere"));
  std::filesystem::create_symlink("../elsewhere", path("f/here.elf"));
  expectFolder("is a link");
  std::filesystem::remove(path("f/here.elf"));
  std::filesystem::create_directories(path("f/here.elf"));
  expectFolder("not a plain file");
  std::filesystem::rename(path("f/manifest"), path("manifest"));
  std::filesystem::create_symlink("../manifest", path("f/manifest"));
  expectFolder("is a link");
  runtime::writeTestFile(path("f/here.elf"), "short");
  expectFolder("has 5 bytes");
  runtime::writeTestFile(path("f/signature"), "short");
  expectFolder("signature has 5 bytes");
}

// Each contradiction that a manifest with a right digest may have.
TEST_F(ArtifactFileTest, r0304_manifests) {
  auto expect = [&](const std::function<void(artifact::Manifest&)>& change, const std::string& text) {
    TestArtifact changed = sample();
    change(changed.manifest);
    expectError(openBytes(changed.bytes()).status(), "KILN-R0304", text);
  };
  expect([](auto& m) { m.add_derived_buffers()->set_size(4); }, "derived buffers");
  expect([](auto& m) { m.clear_entries(); }, "0 entries");
  expect([](auto& m) { m.clear_images(); }, "0 images");
  expect([](auto& m) { *m.add_entries() = m.entries(0); }, "'answer' occurs twice");
  expect([](auto& m) { m.mutable_entries(0)->set_name(""); }, "a name is empty");
  expect([](auto& m) { m.mutable_entries(0)->mutable_feeds(0)->set_dtype(77); }, "type number 77");
  expect([](auto& m) { m.mutable_entries(0)->mutable_feeds(0)->set_dtype(7); }, "type number 7");  // strings
  expect([](auto& m) { m.mutable_entries(0)->mutable_feeds(0)->set_dims(0, "max("); }, "'max('");
  expect([](auto& m) { m.mutable_entries(0)->mutable_feeds(0)->set_dims(0, "k"); }, "does not know");
  expect([](auto& m) { m.mutable_entries(0)->mutable_fetches(0)->set_dims(0, "-1"); }, "-1");
  expect([](auto& m) { m.mutable_entries(0)->mutable_feeds(0)->set_name(""); }, "feed: a name is empty");
  expect([](auto& m) { m.mutable_entries(0)->mutable_symbols(0)->set_min(5000); }, "range 5000 to 4096");
  expect([](auto& m) { m.mutable_entries(0)->mutable_symbols(0)->set_max(int64_t{1} << 60); }, "range");
  expect([](auto& m) { m.mutable_entries(0)->add_found_symbols("n"); }, "both given and found");
  expect([](auto& m) { m.mutable_entries(0)->mutable_variables(0)->set_variable(2); }, "variable 2 of 2");
  expect([](auto& m) { m.mutable_entries(0)->add_variables()->set_variable(1); }, "names a variable twice");
  expect([](auto& m) { m.mutable_entries(0)->set_constants(0, 0xffffffff); }, "of 2");
  expect([](auto& m) { m.mutable_variables(1)->set_name("w"); }, "'w' occurs twice");
  expect([](auto& m) { m.mutable_variables(0)->set_weight(3); }, "weight 3 of 2");
  expect([](auto& m) { m.mutable_variables(0)->set_weight(2); }, "another type or shape");
  expect([](auto& m) { m.mutable_variables(0)->set_dtype(0); }, "type number 0");
  expect([](auto& m) { m.mutable_variables(0)->set_dims(0, -3); }, "no tensor can have");
  expect([](auto& m) { *m.add_variables() = m.variables(1), m.mutable_variables(2)->set_name("c"); },
         "the weight of another variable");
  expect([](auto& m) { m.mutable_weights()->mutable_tensors(0)->set_offset(~uint64_t{0}); }, "outside the weights");
  expect([](auto& m) { m.mutable_weights()->mutable_tensors(0)->set_offset(128); }, "overlap at byte");
  expect([](auto& m) { m.mutable_weights()->mutable_tensors(0)->set_size(4); }, "take 8192");
  expect([](auto& m) { m.mutable_weights()->set_block_bytes(0); }, "blocks of 0 bytes");
  expect([](auto& m) { m.mutable_weights()->add_crc32c(1); }, "checksums for");
  expect([](auto& m) { m.mutable_weights()->set_offset(100); }, "not aligned");
  expect([](auto& m) { m.mutable_weights()->set_file("weights"); }, "is one file");
  expect([](auto& m) { m.mutable_images(0)->set_target(""); }, "a name is empty");
  expect([](auto& m) { m.mutable_images(0)->set_sha256("short"); }, "digest of 5");
  expect([](auto& m) { m.mutable_images(0)->set_offset(0); }, "outside the file");
  expect([](auto& m) { m.mutable_images(0)->set_offset(m.weights().offset()); }, "overlap");
  expect([](auto& m) { m.mutable_images(0)->set_size(~uint64_t{0}); }, "bytes and a digest");
  expect([](auto& m) { m.mutable_images(0)->add_entries(); }, "2 entries of 1");
  expect([](auto& m) { m.mutable_images(0)->mutable_entries(0)->mutable_arena()->set_static_bytes(-1); }, "arena");
  expect([](auto& m) { m.mutable_images(0)->mutable_entries(0)->mutable_arena()->add_slots("m"); }, "does not know");
  expect([](auto& m) { m.mutable_images(0)->clear_triple(); }, "no triple");

  // Bytes that are no manifest at all, and one that would take far more memory than it has bytes.
  auto expectBytes = [&](const std::string& manifest, const std::string& text) {
    expectError(openBytes(runtime::headOf(manifest)).status(), "KILN-R0304", text);
  };
  expectBytes("no manifest", "not a message");
  expectBytes(std::string("\x0a\x7f", 2), "not a message");
  expectBytes(std::string("\x0a\x02\xff\xff", 4), "not a message of the form");  // not UTF-8
  std::string many;
  for (int i = 0; i < (1 << 21) + 1; ++i) {
    many += std::string("\x22\x00", 2);  // an empty variable
  }
  expectBytes(many, "more than");
}

TEST_F(ArtifactFileTest, r0304_files_of_folders) {
  for (const char* name : {"", ".", "..", "../here.elf", "a/b", "manifest", "signature", "weights.safetensors"}) {
    TestArtifact parts = sample();
    parts.arrange(/*isFolder=*/true);
    parts.manifest.mutable_images(0)->set_file(name);
    parts.writeFolder(path("f"));
    runtime::writeTestFile(path("f/manifest"), parts.manifestFile());
    const Status status = ArtifactFile::open(path("f")).status();
    EXPECT_EQ(errorIdOf(status), "KILN-R0304") << name << ": " << status;
  }
}

TEST_F(ArtifactFileTest, r0305_chooses_what_this_machine_runs) {
  TestArtifact parts = sample();
  for (int i = 1; i < 5; ++i) {
    parts.images.push_back(parts.images[0]);
    *parts.manifest.add_images() = parts.manifest.images(0);
    parts.manifest.mutable_images(i)->set_target("t" + std::to_string(i));
  }
  parts.manifest.mutable_images(1)->set_vector_bits(256);
  parts.manifest.mutable_images(2)->set_vector_bits(512);
  parts.manifest.mutable_images(2)->add_features("no-such-feature");
  parts.manifest.mutable_images(3)->set_vector_bits(2048);
  parts.manifest.mutable_images(3)->set_triple("riscv64-unknown-linux-gnu");
  parts.manifest.mutable_images(4)->set_vector_bits(1024);
  parts.manifest.mutable_images(4)->set_abi_version(99);
  parts.arrange();
  auto choose = [&](const std::string& target = "") {
    const std::string bytes = parts.bytes();
    return openBytes(bytes).value()->chooseImage(target);
  };
  EXPECT_EQ(*choose(), 1u);  // the widest that fits
  EXPECT_EQ(*choose("here"), 0u);
  expectError(choose("t2").status(), "KILN-R0305", "needs no-such-feature");
  expectError(choose("t3").status(), "KILN-R0305", "is for riscv64-unknown-linux-gnu");
  expectError(choose("t4").status(), "KILN-R0305", "version 99 of the interface");
  expectError(choose("t5").status(), "KILN-R0305", "'t5' was asked for");
  expectError(choose("t5").status(), "KILN-R0305", "this machine is " + std::string(machineName()));

  // Of equal widths, the one with more features.
#if defined(__x86_64__)
  parts.manifest.mutable_images(0)->set_vector_bits(256);
  parts.manifest.mutable_images(0)->add_features("sse3");
  parts.arrange();
  if (hasCpuFeature("sse3")) {
    EXPECT_EQ(*choose(), 0u);
  }
#endif
}

TEST_F(ArtifactFileTest, r0306_every_block_of_weights_is_compared) {
  const TestArtifact parts = sample();
  const std::string bytes = parts.bytes();
  const auto begin = static_cast<size_t>(parts.manifest.weights().offset());
  for (size_t at = 0; at < parts.weights.size(); at += 1000) {
    std::string damaged = bytes;
    damaged[begin + at] ^= 1;
    EXPECT_TRUE(openBytes(damaged).ok());
    const size_t block = at / 4096 * 4096;
    expectError(openBytes(damaged, {.verifyWeights = true}).status(), "KILN-R0306",
                "bytes " + std::to_string(block) + " to ");
  }
}

TEST_F(ArtifactFileTest, signatures_are_accepted) {
  const SecretKey key = makeSecretKey().value();
  const ArtifactOptions required{.requireSignature = toHex(publicKeyOf(key))};
  const std::string bytes = runtime::signedBytes(sample().bytes(), key);
  auto file = openBytes(bytes, required);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->signature()->publicKey, publicKeyOf(key));
  EXPECT_TRUE(openBytes(bytes).ok());

  TestArtifact parts = sample();
  parts.arrange(/*isFolder=*/true);
  parts.writeFolder(path("f"));
  auto digest = ArtifactFile::open(path("f")).value()->digest();
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, sha256(runtime::spanOf(parts.manifestFile() + parts.images[0] + parts.weights)));
  const artifact::Signature signature = signDigest(*digest, key);
  runtime::writeTestFile(path("f/signature"), {reinterpret_cast<const char*>(&signature), sizeof signature});
  EXPECT_TRUE(ArtifactFile::open(path("f"), required).ok());
  parts.weights.back() ^= 1;
  runtime::writeTestFile(path("f/weights.safetensors"), parts.weights);
  expectError(ArtifactFile::open(path("f"), required).status(), "KILN-R0307", "not those that were signed");
}

TEST_F(ArtifactFileTest, r0307_signatures_are_refused) {
  const SecretKey key = makeSecretKey().value(), other = makeSecretKey().value();
  const ArtifactOptions required{.requireSignature = toHex(publicKeyOf(key))};
  const std::string bytes = sample().bytes();
  expectError(openBytes(bytes, required).status(), "KILN-R0307", "not signed");
  expectError(openBytes(runtime::signedBytes(bytes, other), required).status(), "KILN-R0307", "by the key");
  const std::string whole = runtime::signedBytes(bytes, key);
  // Any byte, also of weights and of gaps that nothing else looks at.
  for (size_t at = sizeof(artifact::Header) + 2; at < bytes.size(); at += 997) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    const Status status = openBytes(damaged, required).status();
    EXPECT_TRUE(errorIdOf(status) == "KILN-R0307" || errorIdOf(status) == "KILN-R0303") << at << ": " << status;
  }
  // A trailer of another's making that claims the key.
  artifact::Signature forged = signDigest(sha256(runtime::spanOf(bytes)), other);
  forged.publicKey = publicKeyOf(key);
  forged.crc = crc32c({reinterpret_cast<const uint8_t*>(&forged), offsetof(artifact::Signature, crc)});
  expectError(openBytes(bytes + std::string(reinterpret_cast<const char*>(&forged), sizeof forged), required).status(),
              "KILN-R0307", "did not make it");
  // A damaged trailer is refused by readers that require none, too.
  for (size_t at = bytes.size(); at < whole.size(); at += 5) {
    std::string damaged = whole;
    damaged[at] ^= 1;
    expectError(openBytes(damaged).status(), "KILN-R0303", "no signature");
  }
  expectError(openBytes(bytes, {.requireSignature = path("none.pub")}).status(), "KILN-R0308", "none.pub");
}

TEST_F(ArtifactFileTest, r0308_keys) {
  const SecretKey key = makeSecretKey().value();
  ASSERT_TRUE(writeKeyPair(path("me"), key).ok());
  struct stat info{};
  ASSERT_EQ(::stat(path("me.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(readSecretKey(path("me.key"))->seed, key.seed);
  EXPECT_EQ(*readPublicKey(path("me.pub")), publicKeyOf(key));
  EXPECT_EQ(*readPublicKey(toHex(publicKeyOf(key))), publicKeyOf(key));
  expectError(writeKeyPair(path("me"), key), "KILN-R0308", "not replaced");
  expectError(readSecretKey(path("me.pub")).status(), "KILN-R0308", "it is a public key");
  expectError(readPublicKey(path("me.key")).status(), "KILN-R0308", "it is a secret key");
  expectError(readPublicKey(path("none")).status(), "KILN-R0308", "No such file");
  expectError(readPublicKey("").status(), "KILN-R0308", "");
  runtime::writeTestFile(path("bad"), "kiln-ed25519-public 12xy\n");
  expectError(readPublicKey(path("bad")).status(), "KILN-R0308", "64 hexadecimal digits");
}

// RFC 8032, section 7.1, test 1: the secret key and its public one.
TEST(SigningKey, rfc8032_key_pair) {
  SecretKey key;
  const uint8_t seed[] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
                          0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
                          0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
  std::copy(std::begin(seed), std::end(seed), key.seed.begin());
  EXPECT_EQ(toHex(publicKeyOf(key)), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_TRUE(isSignatureValid(signDigest(Sha256{}, key)));
}

#if defined(__x86_64__)
TEST(CpuFeatures, agree_with_the_compilers_own) {
  EXPECT_EQ(hasCpuFeature("sse4.2"), __builtin_cpu_supports("sse4.2") != 0);
  EXPECT_EQ(hasCpuFeature("avx2"), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(hasCpuFeature("fma"), __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(hasCpuFeature("avx512f"), __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(hasCpuFeature("bmi2"), __builtin_cpu_supports("bmi2") != 0);
  EXPECT_EQ(hasCpuFeature("avx512vnni"), __builtin_cpu_supports("avx512vnni") != 0);
}
#endif

TEST(CpuFeatures, unknown_names_are_missing) {
  const std::vector<std::string> needed = {"no-such-feature", ""};
  EXPECT_EQ(missingCpuFeatures(needed), needed);
}

}  // namespace
}  // namespace kiln
