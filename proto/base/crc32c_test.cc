// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/crc32c.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kiln {
namespace {

uint32_t crcOf(const std::string& text) { return crc32c({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }

// The examples of RFC 3720, appendix B.4, and the check value that every description of the checksum has.
TEST(Crc32c, rfc3720_examples) {
  EXPECT_EQ(crcOf(""), 0u);
  EXPECT_EQ(crcOf("123456789"), 0xe3069283u);
  EXPECT_EQ(crcOf(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crcOf(std::string(32, '\xff')), 0x62a8ab43u);
  std::string rising, falling;
  for (int i = 0; i < 32; ++i) {
    rising += static_cast<char>(i);
    falling += static_cast<char>(31 - i);
  }
  EXPECT_EQ(crcOf(rising), 0x46dd794eu);
  EXPECT_EQ(crcOf(falling), 0x113fdb5cu);
}

// The processor's instructions and the table agree for every length and alignment around a word, also in two pieces.
TEST(Crc32c, instructions_and_table_agree) {
  std::vector<uint8_t> bytes(300);
  uint32_t random = 7;
  for (uint8_t& byte : bytes) {
    random = random * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(random >> 24);
  }
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; size + begin <= bytes.size(); ++size) {
      const auto part = std::span<const uint8_t>(bytes).subspan(begin, size);
      const uint32_t crc = crc32c(part);
      ASSERT_EQ(crc, internal::crc32cPortable(part)) << begin << " " << size;
      const size_t half = size / 3;
      ASSERT_EQ(crc, crc32c(part.subspan(half), crc32c(part.first(half)))) << begin << " " << size;
    }
  }
}

}  // namespace
}  // namespace kiln
