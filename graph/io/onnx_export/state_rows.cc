// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Constants, variables, shapes.
#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

// Up to so many bytes equal constants are one initializer; more are not compared.
constexpr int64_t kSharedConstantBytes = 256;

Status writeConstant(NodeExport& n) {
  const TensorPtr& value = n.attribute<TensorPtr>("value");
  if (value->numBytes() <= kSharedConstantBytes) {
    n.set(0, n.constant(*value));
    return {};
  }
  KILN_ASSIGN_OR_RETURN(std::string name, n.initializer(value));
  n.set(0, std::move(name));
  return {};
}

Status writeVariable(NodeExport& n) {
  KILN_ASSIGN_OR_RETURN(std::string name, n.variable());
  n.set(0, std::move(name));
  return {};
}

Status writeShapeValue(NodeExport& n) {
  n.set(0, n.dims(n.attribute<Shape>("shape")));
  return {};
}

Status writeAssign(NodeExport& n) {
  n.set(0, n.in(1));
  return {};
}

Status writeNothing(NodeExport&) { return {}; }

constexpr ExportRow kRows[] = {
    {"assign", writeAssign},       {"constant", writeConstant},      {"group", writeNothing},
    {"placeholder", writeNothing}, {"shape_value", writeShapeValue}, {"variable", writeVariable},
};

}  // namespace

std::span<const ExportRow> stateRows() { return kRows; }

}  // namespace kiln::onnx
