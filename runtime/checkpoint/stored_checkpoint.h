// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file An open checkpoint: its verified manifest, and its files.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "proto/codec/file.h"
#include "runtime/checkpoint/manifest.h"

namespace kiln::runtime {

/// The name of a checkpoint's folder, `step-00000150`, and of the folder that it is written in or removed from.
std::string stepName(int64_t step);
std::string temporaryName(int64_t step);
/// The step of such a name, exactly as stepName() or temporaryName() writes it.
std::optional<int64_t> stepOfName(std::string_view name);
std::optional<int64_t> stepOfTemporaryName(std::string_view name);
/// Steps of a folder's entries whose names `parse` knows, rising.
std::vector<int64_t> listSteps(const std::string& folder, std::optional<int64_t> (*parse)(std::string_view));

/// A checkpoint whose manifest, file lengths and heads are verified. The files stay open, so it can be read to its end
/// when it is removed meanwhile. Thread-compatible.
class StoredCheckpoint {
 public:
  /// Errors: as readCheckpoint().
  static StatusOr<StoredCheckpoint> open(const std::string& path);

  const std::string& path() const { return path_; }
  const Manifest& manifest() const { return manifest_; }
  /// The verified value of a tensor of the manifest. Errors: KILN-R0202, KILN-P0002, P0023.
  StatusOr<Tensor> read(const ManifestTensor& tensor) const;

 private:
  StoredCheckpoint() = default;
  Status openFile(const ManifestFile& file);
  std::string name() const;
  // How to go back, or nothing.
  std::string hint() const;

  std::string path_;
  Manifest manifest_;
  std::map<std::string, ReadableFile> files_;
  std::map<std::string, int64_t> offsets_;  // of tensors, in their files
};

}  // namespace kiln::runtime
