// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Artifacts made without the compiler, right or wrong as a test wants them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "proto/artifact/artifact.pb.h"
#include "proto/base/tensor.h"
#include "runtime/artifact/signing_key.h"

namespace kiln::runtime {

/// The parts of an artifact. A test changes what it likes, calls arrange() or not, and takes the bytes.
struct TestArtifact {
  artifact::Manifest manifest;
  std::vector<std::string> images;  ///< As manifest.images.
  std::string weights;              ///< The weights file: a header of 64 bytes, then tensors, each at a multiple of 64.

  /// Adds code that any machine of this kind runs. `file` is its path.
  void addImage(const std::string& target, const std::string& file);
  /// Adds a tensor and returns its index.
  uint32_t addTensor(const std::string& name, const Tensor& tensor);
  /// Adds a variable; `value` may be null.
  void addVariable(const std::string& name, DType dtype, const std::vector<int64_t>& dims, const Tensor* value);

  /// Fills in what follows from the parts: places, sizes, digests and checksums, for one file or for a folder.
  void arrange(bool isFolder = false);
  /// The file: header, then the manifest as it is, then sections where it says (those that fit). No signature.
  std::string bytes() const;
  /// The file `manifest` of a folder.
  std::string manifestFile() const;
  /// Makes the folder, or puts other files in it. Names with slashes are left out.
  void writeFolder(const std::string& folder) const;
};

/// Header and manifest of a file that has `fileBytes` bytes, or as many as these two.
std::string headOf(const std::string& manifest, uint64_t fileBytes = 0);
/// The bytes with a signature behind them.
std::string signedBytes(const std::string& bytes, const SecretKey& key);

std::string readTestFile(const std::string& path);
void writeTestFile(const std::string& path, const std::string& bytes);
inline std::span<const uint8_t> spanOf(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace kiln::runtime
