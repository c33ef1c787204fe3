// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace kiln {
namespace {

// The polynomial 0x1edc6f41 with its bits turned around, as the algorithm takes the lowest bit first.
constexpr uint32_t kPolynomial = 0x82f63b78;

// kTables[k][b]: what the byte b changes in the checksum when k zero bytes follow it.
constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = value >> 1 ^ ((value & 1) != 0 ? kPolynomial : 0);
    }
    tables[0][byte] = value;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 255];
    }
  }
  return tables;
}();

uint64_t wordAt(const uint8_t* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t withInstructions(const uint8_t* bytes, size_t size, uint32_t crc) {
  uint64_t wide = crc;
  for (; size >= 8; bytes += 8, size -= 8) {
    wide = _mm_crc32_u64(wide, wordAt(bytes));
  }
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; ++bytes, --size) {
    crc = _mm_crc32_u8(crc, *bytes);
  }
  return crc;
}

bool hasInstructions() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0;
}
#elif defined(__aarch64__)
__attribute__((target("crc"))) uint32_t withInstructions(const uint8_t* bytes, size_t size, uint32_t crc) {
  for (; size >= 8; bytes += 8, size -= 8) {
    crc = __crc32cd(crc, wordAt(bytes));
  }
  for (; size > 0; ++bytes, --size) {
    crc = __crc32cb(crc, *bytes);
  }
  return crc;
}

bool hasInstructions() {
  constexpr unsigned long kHwcapCrc32 = 1ul << 7;
  return (getauxval(AT_HWCAP) & kHwcapCrc32) != 0;
}
#endif

}  // namespace

uint32_t internal::crc32cPortable(std::span<const uint8_t> bytes, uint32_t before) {
  uint32_t crc = ~before;
  for (; bytes.size() >= 8; bytes = bytes.subspan(8)) {
    const uint64_t word = wordAt(bytes.data()) ^ crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k) {
      crc ^= kTables[7 - k][word >> (8 * k) & 255];
    }
  }
  for (uint8_t byte : bytes) {
    crc = crc >> 8 ^ kTables[0][(crc ^ byte) & 255];
  }
  return ~crc;
}

uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before) {
#if defined(__x86_64__) || defined(__aarch64__)
  static const bool isFast = hasInstructions();
  if (isFast) {
    return ~withInstructions(bytes.data(), bytes.size(), ~before);
  }
#endif
  return internal::crc32cPortable(bytes, before);
}

}  // namespace kiln
