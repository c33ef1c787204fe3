// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/external_model.h"

#include "graph/io/onnx/onnx_model.h"
#include "graph/io/onnx/tensor_proto.h"

namespace kiln::tools {
namespace {

std::vector<ExternalPort> portsOf(const std::vector<onnx::ModelPort>& ports) {
  std::vector<ExternalPort> out;
  for (const onnx::ModelPort& port : ports) {
    auto dtype = onnx::storageType(port.elementType, port.name);
    out.push_back({port.name, dtype.ok() ? *dtype : DType::kInvalid, port.elementType});
  }
  return out;
}

}  // namespace

StatusOr<std::optional<ExternalModel>> openExternalModel(const std::string& path) {
  if (!onnx::isOnnxPath(path)) {
    return std::nullopt;
  }
  KILN_ASSIGN_OR_RETURN(onnx::Model model, onnx::Model::read(path));
  ExternalModel external;
  external.inputs = portsOf(model.inputs());
  external.outputs = portsOf(model.outputs());
  external.import = [model](const ImportOptions& options) { return model.import(options); };
  return external;
}

}  // namespace kiln::tools
