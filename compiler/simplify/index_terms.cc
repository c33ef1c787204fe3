// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/index_terms.h"

namespace kiln::compiler {

Value IndexBuilder::iota(const Shape& shape, int64_t axis) const {
  return create(b, loc, "iota", shapeValue(b, loc, shape), {attr("axis", axis), dtypeAttr(i64)});
}

Value IndexBuilder::dimIn(const Dim& dim, const Shape& shape) const {
  if (dim.isStatic()) {
    return numberIn(dim.value(), shape);
  }
  return broadcastTo(b, loc, reshapeTo(b, loc, shapeValue(b, loc, {dim}), {}), shape);
}

Value IndexBuilder::numberIn(int64_t number, const Shape& shape) const {
  return splat(b, loc, static_cast<double>(number), {i64, shape});
}

Value IndexBuilder::spread(Value x, const Shape& shape) const {
  Shape aligned = shapeOf(x.getType());
  while (aligned.rank() < shape.rank()) {
    aligned.push_back(Dim(1));
  }
  return broadcastTo(b, loc, reshapeTo(b, loc, x, aligned), shape);
}

Value IndexBuilder::gather(Value x, Value indices, int64_t axis, int64_t batchDims, bool allowNegative) const {
  return create(b, loc, "gather", {x, indices},
                {attr("axis", axis), attr("batch_dims", batchDims), attr("allow_negative", allowNegative)});
}

Value IndexBuilder::checked(Value indices, const Dim& n) const { return gather(iota({n}, 0), indices, 0, 0, true); }

Value IndexBuilder::scatter(Value x, Value indices, Value updates, int64_t axis, bool allowNegative,
                            const std::string& reduction) const {
  llvm::SmallVector<mlir::NamedAttribute> attributes = {attr("axis", axis), attr("allow_negative", allowNegative)};
  if (reduction != "add") {
    attributes.push_back(b.getNamedAttr("reduction", b.getStringAttr(reduction)));
    return create(b, loc, "scatter_slices", {x, indices, updates}, attributes);
  }
  return create(b, loc, "scatter_add", {x, indices, updates}, attributes);
}

Value IndexBuilder::concat(llvm::ArrayRef<Value> inputs, int64_t axis) const {
  return inputs.size() == 1 ? inputs[0] : create(b, loc, "concat", inputs, attr("axis", axis));
}

Value IndexBuilder::sliceOn(Value x, int64_t axis, const Dim& start, const Dim& end) const {
  Shape ends = shapeOf(x.getType());
  Shape starts(std::vector<Dim>(static_cast<size_t>(ends.rank()), Dim(0)));
  if (start == Dim(0) && end == ends[static_cast<int>(axis)]) {
    return x;
  }
  starts[static_cast<int>(axis)] = start;
  ends[static_cast<int>(axis)] = end;
  return sliceOf(b, loc, x, starts, ends, llvm::SmallVector<int64_t>(static_cast<size_t>(ends.rank()), 1));
}

Value IndexBuilder::reverse(Value x, int64_t axis) const {
  return create(b, loc, "reverse", x, b.getNamedAttr("axes", b.getDenseI64ArrayAttr({axis})));
}

Dim productOfDims(const Shape& shape, int begin, int end) {
  Dim product = 1;
  for (int axis = begin; axis < end; ++axis) {
    product = product * shape[axis];
  }
  return product;
}

}  // namespace kiln::compiler
