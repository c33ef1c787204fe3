// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/checked_values.h"

#include <algorithm>
#include <cstdint>

namespace kiln {

void normalizeBools(Tensor& tensor) {
  if (tensor.dtype() == DType::kBool) {
    auto* bytes = static_cast<uint8_t*>(tensor.mutableData());
    std::for_each(bytes, bytes + tensor.numElements(), [](uint8_t& byte) { byte = byte != 0; });
  }
}

namespace codec {

bool isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto first = static_cast<uint8_t>(text[i]);
    if (first < 0x80) {
      ++i;
      continue;
    }
    int extra = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || i + extra >= text.size()) {
      return false;
    }
    auto second = static_cast<uint8_t>(text[i + 1]);
    // The first two bytes together exclude overlong forms, surrogates and what lies beyond U+10FFFF.
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return false;
    }
    for (int k = 1; k <= extra; ++k) {
      if ((static_cast<uint8_t>(text[i + k]) & 0xc0) != 0x80) {
        return false;
      }
    }
    i += extra + 1;
  }
  return true;
}

}  // namespace codec
}  // namespace kiln
