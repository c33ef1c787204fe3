// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Models of other systems, as `kiln run` sees them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/jit/model_session.h"

namespace kiln::tools {

/// An input or output of a model of another system.
struct ExternalPort {
  std::string name;
  DType dtype = DType::kInvalid;  ///< As graphs hold it; invalid for what is no tensor of numbers.
  int onnxType = 0;               ///< For files that hold a TensorProto.
};

struct ExternalModel {
  std::vector<ExternalPort> inputs, outputs;
  ImportFunction import;
};

/// What is asked of a model that can compute any of its values: a graph of TensorFlow.
struct ExternalUse {
  std::vector<std::string> fed;      ///< What has a value of its own and is fed all the same, beside plain inputs.
  std::vector<std::string> fetched;  ///< Values; all outputs by default.
};

/// The model, when the file is one of another system (.onnx, or a GraphDef of TensorFlow); nothing when it is a graph
/// of Kiln's own. Errors: those of reading it.
StatusOr<std::optional<ExternalModel>> openExternalModel(const std::string& path, const ExternalUse& use = {});

}  // namespace kiln::tools
