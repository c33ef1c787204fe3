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

/// The body takes the inputs and yields the results.
llvm::LogicalResult checkFunctionLike(mlir::Operation* op, mlir::Region& body, mlir::TypeRange inputs,
                                      mlir::TypeRange results) {
  YieldOp yield = checkBody(op, body, inputs);
  if (!yield) {
    return llvm::failure();
  }
  if (yield.getValues().getTypes() != results) {
    return op->emitOpError("the results do not have the types of the yielded values");
  }
  return llvm::success();
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

namespace {
llvm::SmallVector<mlir::Type> floatsOf(mlir::TypeRange types) {
  llvm::SmallVector<mlir::Type> floats;
  llvm::copy_if(types, std::back_inserter(floats), [](mlir::Type type) { return isFloat(dtypeOf(type)); });
  return floats;
}

mlir::Type rowType(mlir::Type type, int axis) {
  const Shape whole = shapeOf(type);  // Named, as it has to outlive the loop.
  Shape shape;
  for (auto [i, dim] : llvm::enumerate(whole.dims())) {
    if (static_cast<int>(i) != axis) {
      shape.push_back(dim);
    }
  }
  return tensorType(type.getContext(), dtypeOf(type), shape);
}

bool hasAxis(mlir::Type type, int64_t axis, const Dim& length) {
  const Shape shape = shapeOf(type);
  return axis >= 0 && axis < shape.rank() && shape[static_cast<int>(axis)] == length;
}

mlir::Type stepType(mlir::MLIRContext* context) { return tensorType(context, i64, {}); }
}  // namespace

llvm::LogicalResult VmapOp::verify() {
  if (getSize().getShape().rank() != 1 || getInAxes().size() != getXs().size() ||
      getOutAxes().size() != getBatched().size()) {
    return emitOpError("needs one dim as the size, an axis for each operand and one for each result");
  }
  const Dim size = getSize().getShape()[0];
  llvm::SmallVector<mlir::Type> arguments, results;
  for (auto [x, axis] : llvm::zip(getXs().getTypes(), getInAxes())) {
    if (!hasAxis(x, axis, size)) {
      return emitOpError("an operand does not have the mapped axis");
    }
    arguments.push_back(rowType(x, static_cast<int>(axis)));
  }
  YieldOp yield = checkBody(*this, getBody(), arguments);
  if (!yield) {
    return llvm::failure();
  }
  for (auto [result, axis] : llvm::zip(getBatched().getTypes(), getOutAxes())) {
    if (!hasAxis(result, axis, size)) {
      return emitOpError("a result does not have the mapped axis");
    }
    results.push_back(rowType(result, static_cast<int>(axis)));
  }
  if (yield.getValues().getTypes() != mlir::TypeRange(results)) {
    return emitOpError("the yielded values do not have the types of the results without the mapped axis");
  }
  return llvm::success();
}

llvm::LogicalResult RecomputeOp::verify() {
  return checkFunctionLike(*this, getBody(), getInputs().getTypes(), getOutputs().getTypes());
}

llvm::LogicalResult CustomVjpOp::verify() {
  if (llvm::failed(checkFunctionLike(*this, getForward(), getInputs().getTypes(), getOutputs().getTypes()))) {
    return llvm::failure();
  }
  llvm::SmallVector<mlir::Type> arguments(getInputs().getTypes());
  arguments.append(getOutputs().getTypes().begin(), getOutputs().getTypes().end());
  arguments.append(floatsOf(getOutputs().getTypes()));
  YieldOp backward = checkBody(*this, getBackward(), arguments);
  if (!backward) {
    return llvm::failure();
  }
  if (backward.getValues().getTypes() != mlir::TypeRange(floatsOf(getInputs().getTypes()))) {
    return emitOpError("the backward region does not yield one cotangent for each float input");
  }
  return llvm::success();
}

llvm::LogicalResult BranchOp::verify() {
  const ValueType selector = valueType(getSelector().getType());
  if (selector.shape.rank() != 0 || (selector.dtype == boolean && getBranches().size() != 2) || getBranches().empty()) {
    return emitOpError("the selector is a scalar, a bool for two regions");
  }
  for (mlir::Region& region : getBranches()) {
    YieldOp yield = checkBody(*this, region, {});
    if (!yield) {
      return llvm::failure();
    }
    if (yield.getValues().getTypes() != getOutputs().getTypes()) {
      return emitOpError("a region does not yield values of the types of the results");
    }
  }
  return llvm::success();
}

llvm::LogicalResult LoopOp::verify() {
  if (getCount() && getCount().getType() != stepType(getContext())) {
    return emitOpError("the count is no i64 scalar");
  }
  const bool hasLength = getLength().has_value();
  if ((hasLength && getLength()->getShape().rank() != 1) ||
      (!hasLength && (getScanned().size() + getNumStacked() != 0 || (!getCount() && !hasCondition())))) {
    return emitOpError("needs a length of one dim for rows, and a count, a length or a condition to end");
  }
  if (hasCondition()) {
    YieldOp yield = checkBody(*this, getCondition(), getInits().getTypes());
    if (!yield) {
      return llvm::failure();
    }
    if (getReverse() || yield.getValues().size() != 1 ||
        yield.getValues()[0].getType() != tensorType(getContext(), boolean, {})) {
      return emitOpError("the condition yields one bool scalar, and not for a loop in reverse");
    }
  }
  llvm::SmallVector<mlir::Type> arguments{stepType(getContext())}, yields(getInits().getTypes());
  arguments.append(yields);
  for (mlir::Type type : getScanned().getTypes()) {
    if (!hasAxis(type, 0, getLength()->getShape()[0])) {
      return emitOpError("a scanned value does not have as many rows as there are steps");
    }
    arguments.push_back(rowType(type, 0));
  }
  YieldOp yield = checkBody(*this, getBody(), arguments);
  if (!yield) {
    return llvm::failure();
  }
  for (auto [i, type] : llvm::enumerate(getOutputs().getTypes())) {
    if (i < getNumCarries()) {
      if (type != yields[i]) {
        return emitOpError("a result does not have the type of its carry");
      }
    } else if (!hasAxis(type, 0, getLength()->getShape()[0])) {
      return emitOpError("a stacked result does not have as many rows as there are steps");
    } else {
      yields.push_back(rowType(type, 0));
    }
  }
  if (yield.getValues().getTypes() != mlir::TypeRange(yields)) {
    return emitOpError("the body does not yield the carries and a row of each stacked result");
  }
  return llvm::success();
}

llvm::LogicalResult UnwindOp::verify() {
  if ((!getCount() && !getLength()) || (!getLength() && !getScanned().empty()) || getSlots() < 2) {
    return emitOpError("needs a count or a length, a length for rows, and at least two slots");
  }
  llvm::SmallVector<mlir::Type> rows;
  for (mlir::Type type : getScanned().getTypes()) {
    if (!hasAxis(type, 0, getLength()->getShape()[0])) {
      return emitOpError("a scanned value does not have as many rows as there are steps");
    }
    rows.push_back(rowType(type, 0));
  }
  llvm::SmallVector<mlir::Type> arguments{stepType(getContext())}, yields(getCotangents().getTypes());
  arguments.append(getInits().getTypes().begin(), getInits().getTypes().end());
  llvm::SmallVector<mlir::Type> adjointArguments = arguments;
  adjointArguments.append(yields);
  arguments.append(rows);
  adjointArguments.append(rows);
  YieldOp step = checkBody(*this, getStep(), arguments);
  YieldOp adjoint = step ? checkBody(*this, getAdjoint(), adjointArguments) : YieldOp();
  if (!adjoint) {
    return llvm::failure();
  }
  const llvm::SmallVector<mlir::Type> results(getOutputs().getTypes());
  for (mlir::Type type : llvm::ArrayRef(results).drop_front(std::min(yields.size(), results.size()))) {
    if (!getLength() || !hasAxis(type, 0, getLength()->getShape()[0])) {
      return emitOpError("a stacked result does not have as many rows as there are steps");
    }
    yields.push_back(rowType(type, 0));
  }
  if (step.getValues().getTypes() != getInits().getTypes() ||
      adjoint.getValues().getTypes() != mlir::TypeRange(yields)) {
    return emitOpError("step yields the carries, adjoint the cotangents and a row of each stacked result");
  }
  return llvm::success();
}

llvm::LogicalResult KernelOp::verify() {
  return checkFunctionLike(*this, getBody(), getInputs().getTypes(), getOutputs().getTypes());
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
