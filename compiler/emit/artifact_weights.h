// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The tensors of an artifact: collected, laid out as a safetensors file, and summed up.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "proto/artifact/artifact.pb.h"
#include "proto/codec/safetensors.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// Collects tensors and gives each an index. Holds them, but copies none.
class ArtifactWeights {
 public:
  /// The index of a variable's initial value, which is its own: running changes it.
  uint32_t addVariable(const std::string& name, std::shared_ptr<const Tensor> value);
  /// The index of a constant; tensors of equal type, dims and bytes share one. Variables come first, since constants
  /// are named around them: `constant/0`.
  uint32_t addConstant(std::shared_ptr<const Tensor> value);

  bool isEmpty() const { return tensors_.empty(); }
  /// Fills in everything but the section's place. Errors: those of layoutSafetensors().
  Status describe(artifact::Weights& weights);
  /// The file's bytes in order; valid as long as the object, after describe().
  std::vector<std::span<const uint8_t>> pieces() const;
  /// Lets the system take back pages of mapped files.
  void releasePages() const;

 private:
  struct Stored {
    std::string name;
    std::shared_ptr<const Tensor> value;
    std::vector<int64_t> byteDims;  // dims of what is stored as bytes, because the format lacks the type
  };
  std::vector<Stored> tensors_;
  std::multimap<uint64_t, uint32_t> constants_;  // by a digest of type, dims and the first bytes
  std::map<std::string, uint32_t> names_;
  uint32_t numConstants_ = 0;
  SafetensorsLayout layout_;
};

}  // namespace kiln::compiler
