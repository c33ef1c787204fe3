// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/widen_halves.h"

namespace kiln::compiler {
namespace {

bool isHalfType(mlir::Type type) { return dtypeOf(type) == f16 || dtypeOf(type) == bf16; }

}  // namespace

bool computesWithHalves(mlir::Operation* op) {
  const OpSchema* schema = schemaOf(op);
  const bool onlyMoves =
      schema->tolerance.kind == ToleranceKind::kExact && (schema->family == "movement" || schema->family == "indexing");
  return !onlyMoves && llvm::any_of(op->getOperandTypes(), isHalfType);
}

llvm::SmallVector<Value> widenHalves(mlir::OpBuilder& b, mlir::Operation* op) {
  llvm::SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(isHalfType(operand.getType()) ? castTo(b, op->getLoc(), operand, f32) : operand);
  }
  llvm::SmallVector<mlir::NamedAttribute> attributes(op->getAttrs());
  for (mlir::NamedAttribute& attribute : attributes) {
    // The element type of a result, where an attribute gives it.
    auto type = llvm::dyn_cast<mlir::TypeAttr>(attribute.getValue());
    if (type && isHalfType(type.getValue())) {
      attribute.setValue(mlir::TypeAttr::get(b.getF32Type()));
    }
  }
  mlir::Operation* wide = createOp(b, op->getLoc(), op->getName().stripDialect(), operands, attributes);
  llvm::SmallVector<Value> results;
  for (auto [result, wanted] : llvm::zip(wide->getResults(), op->getResultTypes())) {
    results.push_back(isHalfType(wanted) ? castTo(b, op->getLoc(), result, dtypeOf(wanted)) : Value(result));
  }
  return results;
}

}  // namespace kiln::compiler
