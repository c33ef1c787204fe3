// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Weights files in the safetensors format: an 8-byte length, a JSON header, the data.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "proto/codec/file.h"

namespace kiln {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

/// A tensor to be written, owned by the caller.
struct NamedTensorView {
  std::string name;
  TensorView tensor;
};

/// An open weights file whose header has been read and checked whole: names are unique, types are known, every tensor's
/// bytes fit its type and shape, and the tensors fill the data part without gap or overlap. Tensors are read on demand.
/// Thread-compatible; read() is safe from several threads.
class SafetensorsFile {
 public:
  struct Entry {
    std::string name;
    DType dtype = DType::kInvalid;
    std::vector<int64_t> dims;
    int64_t begin = 0;  ///< From the start of the file.
    int64_t numBytes = 0;
  };

  /// Errors: KILN-P0001, P0002, P0041 to P0045.
  static StatusOr<SafetensorsFile> open(const std::string& path);

  /// In the header's order.
  const std::vector<Entry>& entries() const { return entries_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// Errors: KILN-P0047, with the nearest names.
  StatusOr<const Entry*> find(const std::string& name) const;
  /// Copies from the file straight into the tensor's own memory (no mapping: a file that shrinks meanwhile is an error,
  /// not a signal). bool values other than 0 become 1. Errors: KILN-P0002, P0023.
  StatusOr<Tensor> read(const Entry& entry) const;

 private:
  explicit SafetensorsFile(ReadableFile file) : file_(std::move(file)) {}
  ReadableFile file_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t> byName_;
  std::map<std::string, std::string> metadata_;
};

/// All tensors of the file, in the header's order. Errors: as SafetensorsFile's.
StatusOr<std::vector<NamedTensor>> readSafetensors(const std::string& path);

/// As readSafetensors(), of a file's bytes; `file` is its name in messages.
StatusOr<std::vector<NamedTensor>> parseSafetensors(std::span<const uint8_t> bytes, const std::string& file);

/// How a file of these tensors begins, and which tensors' bytes follow: for writers with a way of their own to write.
struct SafetensorsLayout {
  std::string head;           ///< The length, the header, and spaces up to a multiple of the buffers' alignment.
  std::vector<size_t> order;  ///< Indices of tensors; their bytes follow the head without gaps.
  int64_t numBytes = 0;       ///< Of the whole file.
};

/// First come tensors whose size is a multiple of the buffers' alignment, which therefore begin at one too; then the
/// others by decreasing element size, which keeps their elements aligned; otherwise the given order. `path` is for
/// messages. Errors: KILN-P0046 (type that the format lacks, name used twice or reserved).
StatusOr<SafetensorsLayout> layoutSafetensors(const std::string& path, std::span<const NamedTensorView> tensors,
                                              const std::map<std::string, std::string>& metadata = {});

/// Replaces the file in one step. Errors: KILN-P0004 and those of layoutSafetensors().
Status writeSafetensors(const std::string& path, std::span<const NamedTensorView> tensors,
                        const std::map<std::string, std::string>& metadata = {});
Status writeSafetensors(const std::string& path, const std::vector<NamedTensor>& tensors,
                        const std::map<std::string, std::string>& metadata = {});

}  // namespace kiln
