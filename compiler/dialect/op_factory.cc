// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/op_factory.h"

#include <algorithm>

#include "compiler/dialect/constant_pool.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {
namespace {

mlir::NamedAttribute ints(mlir::OpBuilder& b, llvm::StringRef name, llvm::ArrayRef<int64_t> values) {
  return b.getNamedAttr(name, b.getDenseI64ArrayAttr(values));
}

StatusOr<mlir::Operation*> makeOp(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name,
                                  mlir::ValueRange operands, llvm::ArrayRef<mlir::NamedAttribute> attributes) {
  const OpSchema* schema = findOp(std::string_view(name.data(), name.size()));
  KILN_CHECK(schema != nullptr);
  mlir::OperationState state(loc, ("kiln." + name).str());
  state.addOperands(operands);
  state.addAttributes(attributes);
  bool isUnknown = false;
  mlir::Operation* near = b.getInsertionBlock() ? b.getInsertionBlock()->getParentOp() : nullptr;
  KILN_ASSIGN_OR_RETURN(auto types,
                        inferResultTypes(*schema, operands, b.getDictionaryAttr(attributes), near, &isUnknown));
  KILN_CHECK(!isUnknown);
  state.addTypes(types);
  return b.create(state);
}

Value reduce(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, Value x, llvm::ArrayRef<int64_t> axes,
             bool keepDims) {
  llvm::SmallVector<mlir::NamedAttribute> attributes = {ints(b, "axes", axes)};
  if (keepDims) {
    attributes.push_back(b.getNamedAttr("keep_dims", b.getBoolAttr(true)));
  }
  return create(b, loc, name, x, attributes);
}

}  // namespace

StatusOr<Value> tryCreate(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes) {
  KILN_ASSIGN_OR_RETURN(mlir::Operation * op, makeOp(b, loc, name, operands, attributes));
  return op->getResult(0);
}

mlir::Operation* createOp(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes) {
  auto op = makeOp(b, loc, name, operands, attributes);
  if (!op.ok()) {
    // The check below ends the process; this says why.
    llvm::errs() << name << ": " << std::string(op.status().message()) << "\n";
  }
  KILN_CHECK(op.ok());
  return *op;
}

Value create(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
             llvm::ArrayRef<mlir::NamedAttribute> attributes) {
  return createOp(b, loc, name, operands, attributes)->getResult(0);
}

Value add(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y) { return create(b, loc, "add", {x, y}); }
Value sub(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y) { return create(b, loc, "sub", {x, y}); }
Value mul(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y) { return create(b, loc, "mul", {x, y}); }
Value div(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y) { return create(b, loc, "div", {x, y}); }
Value neg(mlir::OpBuilder& b, mlir::Location loc, Value x) { return create(b, loc, "neg", x); }
Value select(mlir::OpBuilder& b, mlir::Location loc, Value condition, Value x, Value y) {
  return create(b, loc, "select", {condition, x, y});
}

Value castTo(mlir::OpBuilder& b, mlir::Location loc, Value x, DType dtype) {
  if (dtypeOf(x.getType()) == dtype) {
    return x;
  }
  return create(b, loc, "cast", x, b.getNamedAttr("to", mlir::TypeAttr::get(elementType(b.getContext(), dtype))));
}

Value shapeValue(mlir::OpBuilder& b, mlir::Location loc, const Shape& shape) {
  return create(b, loc, "shape_value", {}, b.getNamedAttr("shape", ShapeAttr::get(b.getContext(), shape)));
}

Value broadcastTo(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& shape) {
  if (shapeOf(x.getType()) == shape) {
    return x;
  }
  return create(b, loc, "broadcast", {x, shapeValue(b, loc, shape)});
}

Value reshapeTo(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& shape) {
  if (shapeOf(x.getType()) == shape) {
    return x;
  }
  return create(b, loc, "reshape", {x, shapeValue(b, loc, shape)});
}

Value transposeBy(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, static_cast<int64_t>(permutation.size())))) {
    return x;
  }
  return create(b, loc, "transpose", x, ints(b, "permutation", permutation));
}

Value reduceSum(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes, bool keepDims) {
  return axes.empty() ? x : reduce(b, loc, "reduce_sum", x, axes, keepDims);
}

Value reduceMax(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes, bool keepDims) {
  return axes.empty() ? x : reduce(b, loc, "reduce_max", x, axes, keepDims);
}

Value sliceOf(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& starts, const Shape& ends,
              llvm::ArrayRef<int64_t> steps) {
  return create(b, loc, "slice", {x, shapeValue(b, loc, starts), shapeValue(b, loc, ends)}, ints(b, "steps", steps));
}

Value broadcastOverAxes(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes, bool keptDims,
                        const Shape& shape) {
  if (!keptDims) {
    Shape kept = shape;
    for (int64_t axis : normalizedAxes(axes, shape.rank())) {
      kept[static_cast<int>(axis)] = Dim(1);
    }
    x = reshapeTo(b, loc, x, kept);
  }
  return broadcastTo(b, loc, x, shape);
}

Value splat(mlir::OpBuilder& b, mlir::Location loc, double value, const ValueType& type) {
  Tensor element(type.dtype, {});
  element.set(0, value);
  mlir::DenseElementsAttr attribute = denseAttr(b.getContext(), element);
  bool isStatic = type.shape.isStatic();
  if (isStatic && type.shape.rank() > 0) {
    auto full = tensorType(b.getContext(), type);
    if (full.getNumElements() > 0) {
      attribute = attribute.resizeSplat(full);
    } else {
      attribute = denseAttr(b.getContext(), Tensor(type.dtype, type.shape.staticDims()));
    }
  }
  Value constant = create(b, loc, "constant", {}, b.getNamedAttr("value", attribute));
  return isStatic ? constant : broadcastTo(b, loc, constant, type.shape);
}

Value splatLike(mlir::OpBuilder& b, mlir::Location loc, double value, Value like) {
  return splat(b, loc, value, valueType(like.getType()));
}

std::optional<double> splatValueOf(Value value) {
  // The chain of movements over a constant is short; the bound only keeps a pathological one from costing time.
  for (int depth = 0; depth < 8; ++depth) {
    mlir::Operation* op = value.getDefiningOp();
    if (auto constant = llvm::dyn_cast_or_null<ConstantOp>(op)) {
      auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(constant.getValue());
      if (!dense || !dense.isSplat()) {
        return std::nullopt;
      }
      mlir::Type element = dense.getElementType();
      if (llvm::isa<mlir::FloatType>(element)) {
        return dense.getSplatValue<llvm::APFloat>().convertToDouble();
      }
      llvm::APInt integer = dense.getSplatValue<llvm::APInt>();
      const bool isSigned = element.isSignlessInteger() && !element.isInteger(1);
      double converted =
          isSigned ? static_cast<double>(integer.getSExtValue()) : static_cast<double>(integer.getZExtValue());
      // Integers beyond 2^53 have no exact double.
      return converted < 9007199254740992.0 && converted > -9007199254740992.0 ? std::optional(converted)
                                                                               : std::nullopt;
    }
    if (!llvm::isa_and_nonnull<BroadcastOp, ReshapeOp, TransposeOp>(op)) {
      return std::nullopt;
    }
    value = op->getOperand(0);
  }
  return std::nullopt;
}

Value lastAxesExchanged(Value value) {
  auto transpose = value.getDefiningOp<TransposeOp>();
  if (!transpose) {
    return {};
  }
  llvm::ArrayRef<int64_t> permutation = transpose.getPermutation();
  const int64_t rank = static_cast<int64_t>(permutation.size());
  for (int64_t axis = 0; axis < rank; ++axis) {
    const int64_t wanted = axis < rank - 2 ? axis : (axis == rank - 2 ? rank - 1 : rank - 2);
    if (permutation[axis] != wanted) {
      return {};
    }
  }
  return rank >= 2 ? transpose.getX() : Value();
}

llvm::SmallVector<int64_t> normalizedAxes(llvm::ArrayRef<int64_t> axes, int rank) {
  llvm::SmallVector<int64_t> result;
  for (int64_t axis : axes) {
    result.push_back(axis < 0 ? axis + rank : axis);
  }
  llvm::sort(result);
  return result;
}

}  // namespace kiln::compiler
