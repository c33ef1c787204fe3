// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The transposes of the linear ops: from the result's cotangent, that of each linear operand.
#include "compiler/differentiate/rules.h"
#include "mlir/IR/IRMapping.h"

namespace kiln::compiler {
namespace {

// In these, `c` is the rule's context, `dy` the cotangent.

Status transposeMatmul(VjpContext& c) {
  const bool ta = c.boolAttr("transpose_a"), tb = c.boolAttr("transpose_b");
  Value a = c.operand(0), b = c.operand(1), dy = c.cotangent;
  auto matmul = [&](Value x, Value y, bool transposeX, bool transposeY) {
    return create(c.b, c.loc, "matmul", {x, y},
                  {c.b.getNamedAttr("transpose_a", c.b.getBoolAttr(transposeX)),
                   c.b.getNamedAttr("transpose_b", c.b.getBoolAttr(transposeY))});
  };
  if (c.wanted[0]) {
    c.gradients[0] = ta ? matmul(b, dy, tb, true) : matmul(dy, b, false, !tb);
  }
  if (c.wanted[1]) {
    c.gradients[1] = tb ? matmul(dy, a, true, ta) : matmul(a, dy, !ta, false);
  }
  return {};
}

Status transposeBroadcast(VjpContext& c) {
  const Shape x = c.shapeOfOperand(0), y = shapeOf(c.cotangent.getType());
  const int offset = y.rank() - x.rank();
  llvm::SmallVector<int64_t> axes;
  for (int axis = 0; axis < y.rank(); ++axis) {
    if (axis < offset || !(x[axis - offset] == y[axis])) {
      axes.push_back(axis);
    }
  }
  c.gradients[0] = reshapeTo(c.b, c.loc, reduceSum(c.b, c.loc, c.cotangent, axes, false), x);
  return {};
}

Status transposeReshape(VjpContext& c) {
  c.gradients[0] = reshapeTo(c.b, c.loc, c.cotangent, c.shapeOfOperand(0));
  return {};
}

Status transposeTranspose(VjpContext& c) {
  llvm::ArrayRef<int64_t> permutation = c.intsAttr("permutation");
  llvm::SmallVector<int64_t> inverse(permutation.size());
  for (auto [i, axis] : llvm::enumerate(permutation)) {
    inverse[static_cast<size_t>(axis)] = static_cast<int64_t>(i);
  }
  c.gradients[0] = transposeBy(c.b, c.loc, c.cotangent, inverse);
  return {};
}

Status transposeCast(VjpContext& c) {
  c.gradients[0] = castTo(c.b, c.loc, c.cotangent, dtypeOf(c.operand(0).getType()));
  return {};
}

Status transposeSelect(VjpContext& c) {
  Value zero = splatLike(c.b, c.loc, 0.0, c.cotangent);
  if (c.wanted[1]) {
    c.gradients[1] = select(c.b, c.loc, c.operand(0), c.cotangent, zero);
  }
  if (c.wanted[2]) {
    c.gradients[2] = select(c.b, c.loc, c.operand(0), zero, c.cotangent);
  }
  return {};
}

Status transposeReduceSum(VjpContext& c) {
  c.gradients[0] =
      broadcastOverAxes(c.b, c.loc, c.cotangent, c.intsAttr("axes"), c.boolAttr("keep_dims"), c.shapeOfOperand(0));
  return {};
}

Status transposeReduceMean(VjpContext& c) {
  const Shape x = c.shapeOfOperand(0);
  Dim count(1);
  for (int64_t axis : normalizedAxes(c.intsAttr("axes"), x.rank())) {
    count = count * x[static_cast<int>(axis)];
  }
  ValueType type = valueType(c.cotangent.getType());
  const DType dtype = type.dtype;
  if (bitWidth(dtype) == 16) {
    type.dtype = f32;  // f16 has no number above 65504, and bf16 few above 256
  }
  Value divisor;
  if (count.isStatic()) {
    divisor = splat(c.b, c.loc, static_cast<double>(count.value()), type);
  } else {
    Value length = castTo(c.b, c.loc, shapeValue(c.b, c.loc, {count}), type.dtype);
    divisor = broadcastTo(c.b, c.loc, reshapeTo(c.b, c.loc, length, {}), type.shape);
  }
  // Divided while it is small, before it is repeated.
  Value share = div(c.b, c.loc, castTo(c.b, c.loc, c.cotangent, type.dtype), divisor);
  share = castTo(c.b, c.loc, share, dtype);
  c.gradients[0] = broadcastOverAxes(c.b, c.loc, share, c.intsAttr("axes"), c.boolAttr("keep_dims"), x);
  return {};
}

StatusOr<Value> makePad(RuleContext& c, Value x, Value value, const Shape& low, const Shape& high,
                        llvm::ArrayRef<int64_t> interior) {
  return tryCreate(c.b, c.loc, "pad", {x, value, shapeValue(c.b, c.loc, low), shapeValue(c.b, c.loc, high)},
                   c.b.getNamedAttr("interior", c.b.getDenseI64ArrayAttr(interior)));
}

Status transposeSlice(VjpContext& c) {
  const Shape x = c.shapeOfOperand(0), y = shapeOf(c.cotangent.getType());
  const auto starts = shapeValueOf(c.operand(1));
  KILN_CHECK(starts.has_value());
  Shape low(*starts), high;
  llvm::SmallVector<int64_t> interior;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int64_t step = c.intsAttr("steps")[static_cast<size_t>(axis)];
    // The elements between those that were taken; none when there is nothing to be between.
    const bool isEmpty = y[axis] == Dim(0);
    interior.push_back(isEmpty ? 0 : step - 1);
    const Dim span = interior.back() == 0 ? y[axis] : y[axis] + (y[axis] - Dim(1)) * Dim(step - 1);
    high.push_back(x[axis] - low[axis] - span);
  }
  Value zero = splat(c.b, c.loc, 0.0, {dtypeOf(c.cotangent.getType()), {}});
  KILN_ASSIGN_OR_RETURN(c.gradients[0], makePad(c, c.cotangent, zero, low, high, interior));
  return {};
}

Status transposePad(VjpContext& c) {
  const Shape x = c.shapeOfOperand(0);
  const auto low = shapeValueOf(c.operand(2));
  KILN_CHECK(low.has_value());
  llvm::ArrayRef<int64_t> interior = c.intsAttr("interior");
  if (c.wanted[0]) {
    Shape ends;
    llvm::SmallVector<int64_t> steps;
    for (int axis = 0; axis < x.rank(); ++axis) {
      const int64_t gap = x[axis] == Dim(0) ? 0 : interior[static_cast<size_t>(axis)];
      Dim length = gap == 0 ? x[axis] : x[axis] + (x[axis] - Dim(1)) * Dim(gap);
      ends.push_back((*low)[static_cast<size_t>(axis)] + length);
      steps.push_back(gap + 1);
    }
    KILN_ASSIGN_OR_RETURN(
        c.gradients[0],
        tryCreate(c.b, c.loc, "slice", {c.cotangent, shapeValue(c.b, c.loc, Shape(*low)), shapeValue(c.b, c.loc, ends)},
                  c.b.getNamedAttr("steps", c.b.getDenseI64ArrayAttr(steps))));
  }
  if (c.wanted[1]) {
    // The sum over the places that hold the value; picked by a mask, since a difference of sums would cancel.
    Value inside = splat(c.b, c.loc, 0.0, {boolean, x}), outside = splat(c.b, c.loc, 1.0, {boolean, {}});
    mlir::IRMapping mapping;
    mlir::Operation* mask = c.op->clone();
    mask->setOperand(0, inside);
    mask->setOperand(1, outside);
    mask->getResult(0).setType(tensorType(c.b.getContext(), boolean, shapeOf(c.cotangent.getType())));
    c.b.insert(mask);
    Value padding = select(c.b, c.loc, mask->getResult(0), c.cotangent, splatLike(c.b, c.loc, 0.0, c.cotangent));
    c.gradients[1] = reduceSum(c.b, c.loc, padding,
                               llvm::to_vector(llvm::seq<int64_t>(0, shapeOf(padding.getType()).rank())), false);
  }
  return {};
}

Status transposeConcat(VjpContext& c) {
  const Shape y = shapeOf(c.cotangent.getType());
  const int64_t axis = normalizedAxes({c.intAttr("axis")}, y.rank())[0];
  Shape starts(std::vector<Dim>(static_cast<size_t>(y.rank()), Dim(0))), ends = y;
  llvm::SmallVector<int64_t> steps(static_cast<size_t>(y.rank()), 1);
  Dim at(0);
  for (unsigned i = 0; i < c.op->getNumOperands(); ++i) {
    const Dim next = at + c.shapeOfOperand(i)[static_cast<int>(axis)];
    if (c.wanted[i]) {
      starts[static_cast<int>(axis)] = at;
      ends[static_cast<int>(axis)] = next;
      KILN_ASSIGN_OR_RETURN(
          c.gradients[i],
          tryCreate(c.b, c.loc, "slice", {c.cotangent, shapeValue(c.b, c.loc, starts), shapeValue(c.b, c.loc, ends)},
                    c.b.getNamedAttr("steps", c.b.getDenseI64ArrayAttr(steps))));
    }
    at = next;
  }
  return {};
}

Status transposeReverse(VjpContext& c) {
  c.gradients[0] = create(c.b, c.loc, "reverse", c.cotangent, c.op->getAttrs());
  return {};
}

Status transposeRoll(VjpContext& c) {
  llvm::SmallVector<int64_t> back;
  for (int64_t shift : c.intsAttr("shifts")) {
    back.push_back(-shift);
  }
  c.gradients[0] = create(c.b, c.loc, "roll", c.cotangent,
                          {c.b.getNamedAttr("shifts", c.b.getDenseI64ArrayAttr(back)),
                           c.b.getNamedAttr("axes", c.b.getDenseI64ArrayAttr(c.intsAttr("axes")))});
  return {};
}

// gather and scatter_add have the same attributes, and are each other's transpose.
Status transposeGather(VjpContext& c) {
  Value zeros = splatLike(c.b, c.loc, 0.0, c.operand(0));
  c.gradients[0] = create(c.b, c.loc, "scatter_add", {zeros, c.operand(1), c.cotangent}, c.op->getAttrs());
  return {};
}

Status transposeScatterAdd(VjpContext& c) {
  if (c.wanted[0]) {
    c.gradients[0] = c.cotangent;
  }
  if (c.wanted[2]) {
    c.gradients[2] = create(c.b, c.loc, "gather", {c.cotangent, c.operand(1)}, c.op->getAttrs());
  }
  return {};
}

// unfold and fold have the same attributes, and are each other's transpose.
Status transposeUnfold(VjpContext& c) {
  const Shape x = c.shapeOfOperand(0);
  auto fold = [&](Value patches) {
    const Shape lengths(std::vector<Dim>(x.begin() + 1, x.end() - 1));
    return create(c.b, c.loc, "fold", {patches, shapeValue(c.b, c.loc, lengths)}, c.op->getAttrs());
  };
  if (c.wanted[0]) {
    c.gradients[0] = fold(c.cotangent);
  }
  if (c.wanted[1]) {
    // The sum over the taps outside of x; picked by a mask, since a difference of sums would cancel.
    Value zero = splat(c.b, c.loc, 0.0, {boolean, x}), one = splat(c.b, c.loc, 1.0, {boolean, {}});
    Value isOutside = create(c.b, c.loc, "unfold", {zero, one}, c.op->getAttrs());
    Value outside = select(c.b, c.loc, isOutside, c.cotangent, splatLike(c.b, c.loc, 0.0, c.cotangent));
    c.gradients[1] = reduceSum(c.b, c.loc, outside,
                               llvm::to_vector(llvm::seq<int64_t>(0, shapeOf(outside.getType()).rank())), false);
  }
  return {};
}

Status transposeFold(VjpContext& c) {
  Value zero = splat(c.b, c.loc, 0.0, {dtypeOf(c.cotangent.getType()), {}});
  c.gradients[0] = create(c.b, c.loc, "unfold", {c.cotangent, zero}, c.op->getAttrs());
  return {};
}

Status transposeCumsum(VjpContext& c) {
  const bool exclusive = c.boolAttr("exclusive"), reverse = c.boolAttr("reverse");
  c.gradients[0] = create(c.b, c.loc, "cumsum", c.cotangent,
                          {c.b.getNamedAttr("axis", c.b.getI64IntegerAttr(c.intAttr("axis"))),
                           c.b.getNamedAttr("exclusive", c.b.getBoolAttr(exclusive)),
                           c.b.getNamedAttr("reverse", c.b.getBoolAttr(!reverse))});
  return {};
}

struct Row {
  const char* op;
  VjpFn transpose;
};
const Row kRows[] = {
    {"broadcast", transposeBroadcast},
    {"cast", transposeCast},
    {"concat", transposeConcat},
    {"cumsum", transposeCumsum},
    {"fold", transposeFold},
    {"gather", transposeGather},
    {"matmul", transposeMatmul},
    {"pad", transposePad},
    {"reduce_mean", transposeReduceMean},
    {"reduce_sum", transposeReduceSum},
    {"reshape", transposeReshape},
    {"reverse", transposeReverse},
    {"roll", transposeRoll},
    {"scatter_add", transposeScatterAdd},
    {"select", transposeSelect},
    {"slice", transposeSlice},
    {"transpose", transposeTranspose},
    {"unfold", transposeUnfold},
};

}  // namespace

VjpFn transposeOf(llvm::StringRef op) {
  for (const Row& row : kRows) {
    if (op == row.op) {
      return row.transpose;
    }
  }
  return nullptr;
}

}  // namespace kiln::compiler
