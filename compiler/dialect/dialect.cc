// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/dialect.h"

#include "compiler/dialect/infer.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include "compiler/dialect/dialect.cc.inc"
#define GET_OP_CLASSES
#include "compiler/dialect/structure_ops.cc.inc"

namespace kiln::compiler {

void loadKilnDialects(mlir::MLIRContext& context) { context.loadDialect<KilnDialect, mlir::func::FuncDialect>(); }

// Every op of ops/ is checked by the inference that checked it in the graph.
#define KILN_OP(Class) \
  llvm::LogicalResult Class::verify() { return verifyByInference(getOperation()); }
#include "compiler/dialect/op_classes.inc"
#undef KILN_OP

mlir::OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

namespace {
/// The body's arguments have the given types, and it ends with a yield.
YieldOp checkBody(mlir::Operation* op, mlir::Region& body, mlir::TypeRange arguments) {
  if (body.empty() || body.front().empty() || !llvm::isa<YieldOp>(body.front().back())) {
    op->emitOpError("the body does not end with kiln.yield");
    return nullptr;
  }
  if (body.getArgumentTypes() != arguments) {
    op->emitOpError("the body's arguments do not have the types of the operands");
    return nullptr;
  }
  return llvm::cast<YieldOp>(body.front().back());
}
}  // namespace

llvm::LogicalResult VjpOp::verify() {
  YieldOp yield = checkBody(*this, getBody(), getXs().getTypes());
  if (!yield) {
    return llvm::failure();
  }
  if (getGradients().getTypes() != getXs().getTypes()) {
    return emitOpError("the results do not have the types of the xs");
  }
  if (!getSeeds().empty() && getSeeds().getTypes() != yield.getValues().getTypes()) {
    return emitOpError("the seeds do not have the types of the yielded values");
  }
  return llvm::success();
}

llvm::LogicalResult JvpOp::verify() {
  YieldOp yield = checkBody(*this, getBody(), getXs().getTypes());
  if (!yield) {
    return llvm::failure();
  }
  if (getTangents().getTypes() != getXs().getTypes() || getDirectional().getTypes() != yield.getValues().getTypes()) {
    return emitOpError("tangents have the types of the xs, results those of the yielded values");
  }
  return llvm::success();
}

llvm::LogicalResult KernelOp::verify() {
  YieldOp yield = checkBody(*this, getBody(), getInputs().getTypes());
  if (!yield) {
    return llvm::failure();
  }
  if (yield.getValues().getTypes() != getOutputs().getTypes()) {
    return emitOpError("the results do not have the types of the yielded values");
  }
  return llvm::success();
}

const OpSchema* schemaOf(mlir::Operation* op) {
  // Names are interned by a context, so their addresses find the rows; another context may use an address again for
  // another name, which the comparison notices.
  thread_local llvm::DenseMap<const void*, const OpSchema*> rows;
  llvm::StringRef name = op->getName().getStringRef();
  if (!name.consume_front("kiln.")) {
    return nullptr;
  }
  const std::string_view wanted(name.data(), name.size());
  const OpSchema*& row = rows[op->getName().getAsOpaquePointer()];
  if (row == nullptr || row->name != wanted) {
    row = findOp(wanted);
  }
  return row;
}

}  // namespace kiln::compiler
