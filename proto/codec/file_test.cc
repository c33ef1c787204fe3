// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/file.h"

#include "proto/base/sha256.h"
#include "proto/codec/test_util.h"

namespace kiln {
namespace {

std::string hex(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    const char digits[] = "0123456789abcdef";
    text += digits[static_cast<uint8_t>(c) >> 4];
    text += digits[c & 15];
  }
  return text;
}

std::string digest(std::string_view bytes, size_t piece) {
  Sha256Stream hash;
  std::span<const uint8_t> left(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  while (!left.empty()) {
    size_t n = std::min(piece, left.size());
    hash.update(left.first(n));
    left = left.subspan(n);
  }
  const Sha256 whole = hash.finish();
  return hex(std::string(whole.begin(), whole.end()));
}

TEST(File, ReadsWhatWasWritten) {
  TemporaryFolder folder;
  ASSERT_TRUE(writeFileAtomically(folder / "a", "one").ok());
  ASSERT_TRUE(writeFileAtomically(folder / "a", "three").ok());
  EXPECT_EQ(readFile(folder / "a", 100).value(), "three");
  EXPECT_EQ(folder.numFiles(), 1u) << "a temporary file is left";
}

TEST(File, MissingFile) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(readFile(folder / "none.pb", 100), "KILN-P0001", "none.pb"));
  EXPECT_TRUE(failsWith(readFile(folder.write("file", "") + "/none", 100), "KILN-P0001"));
}

TEST(File, FolderAndPipeAreNoFiles) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(readFile(folder / "", 100), "KILN-P0002", "folder"));
  EXPECT_TRUE(failsWith(readFile("/dev/zero", 100), "KILN-P0002", "plain"));
}

TEST(File, TooLarge) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(readFile(folder.write("a", "1234"), 3), "KILN-P0003", "4 bytes are more than the limit of 3"));
}

TEST(File, CannotBeWritten) {
  TemporaryFolder folder;
  EXPECT_TRUE(failsWith(writeFileAtomically(folder / "none/a", "x"), "KILN-P0004", "none/a"));
  EXPECT_TRUE(failsWith(writeFileAtomically(folder / "", "x"), "KILN-P0004", "folder"));
  EXPECT_TRUE(failsWith(writeFileAtomically("/dev/null", "x"), "KILN-P0004", "plain"));
}

TEST(Sha256, EqualsPublishedDigests) {
  // FIPS 180-4 examples.
  EXPECT_EQ(digest("", 1), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc", 2), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 7),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest(std::string(1000000, 'a'), 4099),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(File, MappedFileIsTheFile) {
  TemporaryFolder folder;
  std::string bytes(100000, 'a');
  bytes[99999] = 'z';
  std::shared_ptr<const MappedFile> mapped;
  {
    auto file = ReadableFile::open(folder.write("f", bytes));
    ASSERT_TRUE(file.ok()) << file.status();
    mapped = file->map().value();
  }
  EXPECT_EQ(mapped->bytes(), bytes);
  auto empty = ReadableFile::open(folder.write("empty", ""));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(empty->map().value()->bytes(), "");
}

}  // namespace
}  // namespace kiln
