// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file NumPy's array files: .npy read and written, .npz read.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "proto/base/status.h"
#include "proto/base/tensor.h"

namespace kiln {

/// Reads an array of little-endian numbers or bool, in C or Fortran order (the tensor is row major). Takes no more
/// memory than the file has bytes, twice that for Fortran order. bool values other than 0 become 1. Errors: KILN-P0001,
/// P0002, P0023, P0051 to P0053.
StatusOr<Tensor> readNpy(const std::string& path);

/// As readNpy(), of a file's bytes; `file` is its name in messages.
StatusOr<Tensor> parseNpy(std::span<const uint8_t> bytes, const std::string& file);

/// Reads the array `key` of an archive that numpy.savez wrote, compressed or not. Errors: as readNpy(); KILN-P0054 when
/// the archive is damaged, P0055 (with the nearest names) when it has no such array.
StatusOr<Tensor> readNpz(const std::string& path, const std::string& key);

/// Replaces the file in one step. Errors: KILN-P0004; P0046 for types that NumPy lacks.
Status writeNpy(const std::string& path, const TensorView& tensor);

}  // namespace kiln
