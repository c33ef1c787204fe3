// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Inputs and outputs as a model declares them, with dims that Kiln can compute with. Private to graph/io/onnx.
#pragma once

#include <string>
#include <vector>

#include "graph/io/onnx/onnx_model.h"

namespace kiln::onnx {

struct ModelPorts {
  std::vector<ModelPort> inputs, outputs;
};

/// The ports of the model's graph; inputs that have an initializer are left out. A `dim_param` that is a name is a
/// symbol of that name, and an expression stays one when each of its symbols is the length of an axis of some input, so
/// that a run can tell its value; any other text becomes a symbol, the same one wherever it occurs. A length that is
/// missing is the symbol `<port>_<axis>`. Errors: KILN-P0061 for a negative length and a port without a name; `file` is
/// for messages.
StatusOr<ModelPorts> portsOf(const GraphProto& graph, const std::string& file);

}  // namespace kiln::onnx
