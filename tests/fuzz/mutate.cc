// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/fuzz/mutate.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace kiln::fuzz {

size_t Mutator::below(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(random_() % bound); }

std::string Mutator::mutate(std::string_view valid, std::string_view other) {
  std::string bytes(valid);
  for (size_t i = 0, count = 1 + below(4); i < count; ++i) {
    damage(bytes, other);
  }
  return bytes;
}

void Mutator::enlargeNumber(std::string& bytes) {
  constexpr std::array<uint64_t, 10> kLimits = {0,          0x7f,       0x80,       0xffff,    0x7fffffff,
                                                0x80000000, 0xc0000000, 0xffffffff, INT64_MAX, UINT64_MAX};
  uint64_t value = kLimits[below(kLimits.size())];
  size_t at = below(bytes.size());
  if (std::isdigit(static_cast<unsigned char>(bytes[at])) && below(2) == 0) {
    bytes.insert(at, std::to_string(value));
    return;
  }
  if (below(2) == 0) {
    std::string varint;
    for (; value >= 0x80; value >>= 7) {
      varint += static_cast<char>(value | 0x80);
    }
    varint += static_cast<char>(value);
    bytes.replace(at, 1, varint);
    return;
  }
  size_t width = std::min<size_t>(size_t{2} << below(3), bytes.size() - at);
  std::memcpy(bytes.data() + at, &value, width);
}

void Mutator::damage(std::string& bytes, std::string_view other) {
  if (bytes.empty()) {
    bytes = std::string(other.substr(below(other.size())));
    return;
  }
  size_t at = below(bytes.size());
  size_t length = 1 + below(std::min<size_t>(bytes.size() - at, 64));
  switch (below(10)) {
    case 0:
    case 1:
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      break;
    case 2:
      bytes[at] = static_cast<char>(random_());
      break;
    case 3:
      bytes.resize(at);
      break;
    case 4:
      bytes.erase(at, length);
      break;
    case 5:
      bytes.insert(below(bytes.size()), bytes.substr(at, length));
      break;
    case 6:
      std::swap(bytes[at], bytes[below(bytes.size())]);
      break;
    case 7: {
      size_t from = below(other.size());
      bytes.insert(at, other.substr(from, 1 + below(64)));
      break;
    }
    default:
      enlargeNumber(bytes);
      break;
  }
}

}  // namespace kiln::fuzz
