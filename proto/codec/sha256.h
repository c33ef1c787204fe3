// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file SHA-256 (FIPS 180-4), for files that belong together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "proto/base/status.h"
#include "proto/codec/file.h"

namespace kiln::codec {

/// Computes a digest piece by piece. Thread-compatible.
class Sha256 {
 public:
  void update(std::span<const uint8_t> bytes);
  /// The 32 bytes of the digest; the object is then used up.
  std::string finish();

 private:
  void block(const uint8_t* bytes);
  std::array<uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  uint64_t numBytes_ = 0;
};

/// The digest of a whole file. Errors: KILN-P0002.
StatusOr<std::string> sha256OfFile(const ReadableFile& file);

}  // namespace kiln::codec
