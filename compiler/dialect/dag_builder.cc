// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/dag_builder.h"

namespace kiln::compiler {

double floatAttributeOf(mlir::Operation* op, llvm::StringRef name) {
  if (auto found = op->getAttrOfType<mlir::FloatAttr>(name)) {
    return found.getValueAsDouble();
  }
  for (const AttributeSpec& spec : schemaOf(op)->attributes) {
    if (name == llvm::StringRef(spec.name.data(), spec.name.size())) {
      return std::get<double>(*spec.defaultValue);
    }
  }
  KILN_CHECK(false);
}

Value DagBuilder::attribute(llvm::StringRef name) { return number(floatAttributeOf(op_, name)); }

}  // namespace kiln::compiler
