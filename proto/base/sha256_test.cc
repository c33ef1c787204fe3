// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proto/base/sha256.h"
#include "proto/base/sha256_blocks.h"

namespace kiln {
namespace {

std::string hexDigest(const std::string& text) {
  Sha256 digest = sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  std::string hex;
  for (uint8_t byte : digest) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// The examples of FIPS 180-4 and of NIST's SHA-256 test vectors.
TEST(Sha256, fips_vectors) {
  EXPECT_EQ(hexDigest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hexDigest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hexDigest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hexDigest("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                      "mnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(hexDigest(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Lengths around the block's end, where the padding takes one block or two.
TEST(Sha256, padding_boundaries) {
  EXPECT_EQ(hexDigest(std::string(55, 'a')), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  EXPECT_EQ(hexDigest(std::string(56, 'a')), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  EXPECT_EQ(hexDigest(std::string(63, 'a')), "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
  EXPECT_EQ(hexDigest(std::string(64, 'a')), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

// The processor's instructions and the standard's text give the same state, block by block and in one call.
TEST(Sha256, instructions_and_portable_form_agree) {
  std::vector<uint8_t> bytes(64 * 50 + 1);
  uint32_t random = 1;
  for (uint8_t& byte : bytes) {
    random = random * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(random >> 24);
  }
  for (size_t offset : {0, 1}) {
    uint32_t portable[8] = {1, 2, 3, 4, 5, 6, 7, 0xffffffff}, fast[8], whole[8];
    std::copy_n(portable, 8, fast);
    std::copy_n(portable, 8, whole);
    for (size_t block = 0; block < 50; ++block) {
      internal::sha256BlocksPortable(portable, bytes.data() + offset + 64 * block, 1);
      internal::sha256BlocksOfThisMachine()(fast, bytes.data() + offset + 64 * block, 1);
      ASSERT_TRUE(std::equal(portable, portable + 8, fast)) << "block " << block;
    }
    internal::sha256BlocksOfThisMachine()(whole, bytes.data() + offset, 50);
    EXPECT_TRUE(std::equal(portable, portable + 8, whole));
  }
}

// However a text is cut into pieces, its digest is the same.
TEST(Sha256, pieces_of_any_size) {
  std::vector<uint8_t> bytes(1000, 'x');
  const Sha256 whole = sha256(bytes);
  for (size_t piece : {1, 7, 63, 64, 65, 128, 999}) {
    Sha256Stream stream;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      stream.update(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    EXPECT_EQ(stream.finish(), whole) << piece;
  }
}

}  // namespace
}  // namespace kiln
