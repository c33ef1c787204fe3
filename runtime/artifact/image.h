// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The code container: a small position-independent ELF image, verified and mapped by Kiln's own loader.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "proto/base/sha256.h"
#include "proto/base/status.h"
#include "runtime/abi/kiln_abi.h"

namespace kiln {

/// An image as it was emitted or read: ELF bytes and the digest they must have.
struct CodeImage {
  std::vector<uint8_t> bytes;
  Sha256 digest{};
};

/// Mapped, relocated, executable code. No page of it is writable: it has no state, so it is shared by sessions and
/// threads. Unmapped with its last owner. Thread-safe.
class LoadedImage {
 public:
  /// Checks the digest, then the ELF (class, machine, segments inside the file, relative relocations only), maps it,
  /// and asks its entry point for the executable table. Nothing of the image is run before its digest is verified. The
  /// table, the entries and the functions they name lie in the image; every entry has both functions. Errors:
  /// KILN-R0101 to KILN-R0109, naming what is wrong with the image.
  static StatusOr<std::shared_ptr<const LoadedImage>> load(const CodeImage& image);
  ~LoadedImage();
  LoadedImage(const LoadedImage&) = delete;
  LoadedImage& operator=(const LoadedImage&) = delete;

  const kiln_executable_t& table() const { return *table_; }
  /// The mapped bytes, for profilers.
  std::span<const uint8_t> mapping() const { return {base_, size_}; }

 private:
  LoadedImage() = default;
  const uint8_t* base_ = nullptr;
  size_t size_ = 0;
  const kiln_executable_t* table_ = nullptr;
};

}  // namespace kiln
