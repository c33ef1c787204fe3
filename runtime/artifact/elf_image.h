// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Reads the ELF of a code image: checks everything, maps and runs nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/base/status.h"

namespace kiln::runtime {

/// A part of the file and where it goes. Offsets in memory count from the image's first page.
struct Segment {
  size_t memoryBegin = 0;
  size_t memorySize = 0;
  size_t fileOffset = 0;
  size_t fileSize = 0;  ///< At most memorySize; the rest is zero.
  bool executable = false;
  bool writable = false;  ///< While relocations are applied; never together with executable.
};

/// A relative relocation: the eight bytes at `where` become the address of `target`.
struct Relocation {
  size_t where = 0;
  size_t target = 0;
};

/// A checked image. Segments are in rising order and no two share a page; every relocation lies in a writable segment.
struct ElfImage {
  std::vector<Segment> segments;
  std::vector<Relocation> relocations;
  size_t span = 0;       ///< Bytes of address space, whole pages.
  size_t alignment = 0;  ///< Of the first page.
  size_t entry = 0;      ///< Lies in an executable segment.
};

/// The machine page that segments may not share.
size_t pageSize();

/// Reads and checks `file`. Errors: KILN-R0102 to KILN-R0107.
StatusOr<ElfImage> readElfImage(std::span<const uint8_t> file);

}  // namespace kiln::runtime
