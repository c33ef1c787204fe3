// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What bytes from outside must be before the rest of the program sees them.
#pragma once

#include <string_view>

#include "proto/base/tensor.h"

namespace kiln {

/// Makes every bool byte of the tensor 0 or 1, as C++ demands of a bool. Does nothing to other types.
void normalizeBools(Tensor& tensor);

namespace codec {

/// True when `text` is well-formed UTF-8 (no surrogates, no overlong forms, up to U+10FFFF).
bool isUtf8(std::string_view text);

}  // namespace codec
}  // namespace kiln
