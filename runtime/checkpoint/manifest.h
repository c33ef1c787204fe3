// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The manifest of a checkpoint: what it is of, and the digest of everything in it. See docs/checkpoints.md.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/dtype.h"
#include "proto/base/sha256.h"
#include "proto/base/status.h"

namespace kiln::runtime {

inline constexpr int64_t kManifestVersion = 1;
inline constexpr const char* kManifestName = "manifest.json";
inline constexpr const char* kTensorFileName = "variables.safetensors";

struct ManifestFile {
  std::string name;  ///< In the checkpoint's folder; no path.
  int64_t numBytes = 0;
  Sha256 headDigest{};  ///< Of everything before the first tensor.
};

struct ManifestTensor {
  std::string name;
  std::string file;
  DType dtype = DType::kInvalid;
  std::vector<int64_t> dims;
  Sha256 digest{};
};

struct Manifest {
  int64_t step = 0;
  std::string model;
  std::map<std::string, std::string> metadata;
  std::map<std::string, double> metrics;
  std::vector<ManifestFile> files;
  std::vector<ManifestTensor> tensors;
};

/// The file's bytes. Equal manifests give equal bytes.
std::string encodeManifest(const Manifest& manifest);

/// Reads a manifest's bytes; hostile ones give an error. `path` is for messages, `hint` ends them. Errors: KILN-R0203,
/// KILN-R0205.
StatusOr<Manifest> parseManifest(std::string_view bytes, const std::string& path, const std::string& hint);

/// In lower-case hexadecimal digits.
std::string toHex(const Sha256& digest);

/// `f32[64, 10]`
std::string typeText(DType dtype, const std::vector<int64_t>& dims);

}  // namespace kiln::runtime
