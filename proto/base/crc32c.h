// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file CRC-32C (Castagnoli, RFC 3720 appendix B.4): whether a block of a file is as it was written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln {

/// The checksum of `bytes`, or of what `before` is the checksum of followed by `bytes`. Uses the processor's
/// instructions where it has them. Thread-safe.
uint32_t crc32c(std::span<const uint8_t> bytes, uint32_t before = 0);

namespace internal {
/// As crc32c(), with a table on any processor: what the fast form is compared with.
uint32_t crc32cPortable(std::span<const uint8_t> bytes, uint32_t before = 0);
}  // namespace internal

}  // namespace kiln
