// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file SHA-256 (FIPS 180-4): what files and code images are known by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln {

using Sha256 = std::array<uint8_t, 32>;

/// Computes a digest piece by piece. Thread-compatible.
class Sha256Stream {
 public:
  void update(std::span<const uint8_t> bytes);
  /// The digest of all pieces; the object is then used up.
  Sha256 finish();

 private:
  void block(const uint8_t* bytes);
  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  uint64_t numBytes_ = 0;
};

/// The digest of `bytes`.
Sha256 sha256(std::span<const uint8_t> bytes);

}  // namespace kiln
