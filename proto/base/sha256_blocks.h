// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The heart of SHA-256, in the forms that processors have. For sha256.cc and its test.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kiln::internal {

/// Adds `count` blocks of 64 bytes to the state of eight words.
using Sha256Blocks = void (*)(uint32_t* state, const uint8_t* bytes, size_t count);

/// FIPS 180-4 as it is written, for any processor.
void sha256BlocksPortable(uint32_t* state, const uint8_t* bytes, size_t count);

/// The form for this processor: its SHA instructions where it has them.
Sha256Blocks sha256BlocksOfThisMachine();

}  // namespace kiln::internal
