// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The derivatives of the largest value of a window: all goes to, and comes from, the element at the index.
#include "compiler/differentiate/rules.h"
#include "compiler/simplify/image_windows.h"

namespace kiln::compiler {
namespace {

// For each tap of each window, whether the index picks it: [batch, windows.., taps.., channels].
Value pickedTaps(RuleContext& c, const MaxPool& pool) {
  Value positions = tapPositions(c.b, c.loc, pool);
  Value indices = toChannelsLast(c.b, c.loc, c.op->getResult(1), pool.layout);
  indices = castTo(c.b, c.loc, indices, dtypeOf(positions.getType()));
  Shape shape = shapeOf(positions.getType());
  shape[0] = shapeOf(indices.getType())[0];
  shape[shape.rank() - 1] = shapeOf(indices.getType())[static_cast<int>(pool.windows.size()) + 1];
  indices = broadcastOverAxes(c.b, c.loc, indices, tapAxes(pool.windows.size()), /*keptDims=*/false, shape);
  return create(c.b, c.loc, "equal", {broadcastTo(c.b, c.loc, positions, shape), indices});
}

// A value in the order batch, channels, spatial axes as a matrix with a row for each channel.
struct Rows {
  llvm::SmallVector<int64_t> permutation, inverse;
  Rows(const ops::Layout& layout) {
    permutation = {layout.batch, layout.channels};
    permutation.append(layout.spatial.begin(), layout.spatial.end());
    inverse.resize(permutation.size());
    for (size_t axis = 0; axis < permutation.size(); ++axis) {
      inverse[static_cast<size_t>(permutation[axis])] = static_cast<int64_t>(axis);
    }
  }
  static Shape permuted(const Shape& shape, llvm::ArrayRef<int64_t> by) {
    Shape result;
    for (int64_t axis : by) {
      result.push_back(shape[static_cast<int>(axis)]);
    }
    return result;
  }
  Value to(RuleContext& c, Value x) const {
    Value moved = transposeBy(c.b, c.loc, x, permutation);
    const Shape shape = shapeOf(moved.getType());
    Dim columns(1);
    for (int axis = 2; axis < shape.rank(); ++axis) {
      columns = columns * shape[axis];
    }
    return reshapeTo(c.b, c.loc, moved, {shape[0] * shape[1], columns});
  }
  Value from(RuleContext& c, Value rows, const Shape& shape) const {
    return transposeBy(c.b, c.loc, reshapeTo(c.b, c.loc, rows, permuted(shape, permutation)), inverse);
  }
};

llvm::SmallVector<mlir::NamedAttribute> alongRows(RuleContext& c) {
  return {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(1)), c.b.getNamedAttr("batch_dims", c.b.getI64IntegerAttr(1)),
          c.b.getNamedAttr("allow_negative", c.b.getBoolAttr(false))};
}

ops::Layout adaptiveLayout(RuleContext& c) {
  return ops::parseLayout(stringAttr(c.op, "layout"), valueType(c.operand(0).getType()), "x").value();
}

}  // namespace

StatusOr<Value> jvpMaxPool(JvpContext& c) {
  const MaxPool pool = maxPoolOf(c.op);
  Value tangents = toChannelsLast(c.b, c.loc, c.tangents[0], pool.layout);
  Value elements = unfoldWindows(c.b, c.loc, tangents, 0, pool.windows);
  Value picked = select(c.b, c.loc, pickedTaps(c, pool), elements, splatLike(c.b, c.loc, 0.0, elements));
  Value sum = reduceSum(c.b, c.loc, picked, tapAxes(pool.windows.size()), /*keepDims=*/false);
  return fromChannelsLast(c.b, c.loc, sum, pool.layout);
}

Status vjpMaxPool(VjpContext& c) {
  const MaxPool pool = maxPoolOf(c.op);
  Value isPicked = pickedTaps(c, pool);
  Value each = broadcastOverAxes(c.b, c.loc, toChannelsLast(c.b, c.loc, c.cotangent, pool.layout),
                                 tapAxes(pool.windows.size()), /*keptDims=*/false, shapeOf(isPicked.getType()));
  Value taps = select(c.b, c.loc, isPicked, each, splatLike(c.b, c.loc, 0.0, each));
  c.gradients[0] = fromChannelsLast(c.b, c.loc, foldWindows(c.b, c.loc, taps, pool.lengths, pool.windows), pool.layout);
  return {};
}

StatusOr<Value> jvpAdaptiveMaxPool(JvpContext& c) {
  const Rows rows(adaptiveLayout(c));
  Value picked =
      create(c.b, c.loc, "gather", {rows.to(c, c.tangents[0]), rows.to(c, c.op->getResult(1))}, alongRows(c));
  return rows.from(c, picked, shapeOf(c.result().getType()));
}

Status vjpAdaptiveMaxPool(VjpContext& c) {
  const Rows rows(adaptiveLayout(c));
  Value zeros = splatLike(c.b, c.loc, 0.0, rows.to(c, c.operand(0)));
  Value sums =
      create(c.b, c.loc, "scatter_add", {zeros, rows.to(c, c.op->getResult(1)), rows.to(c, c.cotangent)}, alongRows(c));
  c.gradients[0] = rows.from(c, sums, c.shapeOfOperand(0));
  return {};
}

}  // namespace kiln::compiler
