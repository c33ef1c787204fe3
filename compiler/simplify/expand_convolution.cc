// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Convolutions as one matrix product over unfolded windows, batched over groups: [positions, taps * channels] times
// [taps * channels, outputs]. The transposed convolution is the product first and fold after it.
#include "compiler/simplify/expand_composites.h"
#include "compiler/simplify/image_windows.h"

namespace kiln::compiler {
namespace {

// A convolution with channels last: x [batch, spatial.., channels], filter [taps.., I, O].
struct Convolution {
  ops::Layout layout;
  std::vector<ops::Window> windows;
  int64_t groups = 1, taps = 1;
  int64_t inputs = 0, outputs = 0;  // I and O of the filter.
  Value x, filter;
};

Convolution convolutionOf(mlir::OpBuilder& b, mlir::Operation* op) {
  Convolution c;
  mlir::Location loc = op->getLoc();
  const Attributes attributes = attributesOf(op);
  const ValueType x = valueType(op->getOperand(0).getType()), filter = valueType(op->getOperand(1).getType());
  const std::string layout = stringAttr(op, "layout");
  c.layout = ops::parseLayout(layout, x, "x").value();
  const ops::FilterLayout parts = ops::parseFilterLayout(stringAttr(op, "filter_layout"), layout, filter).value();
  std::vector<int64_t> kernel, permutation;
  for (int axis : parts.spatial) {
    kernel.push_back(filter.shape[axis].value());
    permutation.push_back(axis);
    c.taps *= kernel.back();
  }
  permutation.push_back(parts.inputs);
  permutation.push_back(parts.outputs);
  c.windows = ops::windowsOf(attributes, kernel).value();
  c.groups = attributes.get<int64_t>("groups");
  c.inputs = filter.shape[parts.inputs].value();
  c.outputs = filter.shape[parts.outputs].value();
  c.x = toChannelsLast(b, loc, op->getOperand(0), c.layout);
  c.filter = transposeBy(b, loc, op->getOperand(1), permutation);
  return c;
}

// The dims of the first axes: batch and positions.
Shape positionsOf(Value image, size_t spatial) {
  const Shape shape = shapeOf(image.getType());
  return Shape(std::vector<Dim>(shape.begin(), shape.begin() + static_cast<int64_t>(spatial) + 1));
}

Shape append(Shape shape, std::initializer_list<Dim> dims) {
  for (const Dim& dim : dims) {
    shape.push_back(dim);
  }
  return shape;
}

// The windows are the elements, each once.
bool isPointwise(const std::vector<ops::Window>& windows) {
  return llvm::all_of(windows,
                      [](const ops::Window& w) { return w.kernel == 1 && w.stride == 1 && w.low == 0 && w.high == 0; });
}

}  // namespace

llvm::SmallVector<Value> expandConv(mlir::OpBuilder& b, mlir::Operation* op) {
  mlir::Location loc = op->getLoc();
  const Convolution c = convolutionOf(b, op);
  const size_t spatial = c.windows.size();
  const bool isDirect = isPointwise(c.windows);
  Value patches = isDirect ? c.x : unfoldWindows(b, loc, c.x, 0, c.windows);
  const Shape positions = positionsOf(patches, spatial);
  const Dim count = positions.numElements();
  const Dim taps(c.taps), inputs(c.inputs), groups(c.groups), outputs(c.outputs / c.groups);
  Value result;
  if (c.groups == 1) {
    Value a = reshapeTo(b, loc, patches, {count, Dim(c.taps * c.inputs)});
    result = create(b, loc, "matmul", {a, reshapeTo(b, loc, c.filter, {Dim(c.taps * c.inputs), outputs})});
  } else if (c.inputs == 1 && c.outputs == c.groups && c.taps > 1) {
    // One channel in, one out: a sum of products in place, along the channels.
    Shape shape = shapeOf(patches.getType());
    Shape filter(std::vector<Dim>(shape.begin() + static_cast<int64_t>(spatial) + 1, shape.end()));
    Value weights = broadcastTo(b, loc, reshapeTo(b, loc, c.filter, filter), shape);
    result = reduceSum(b, loc, mul(b, loc, patches, weights), tapAxes(spatial), /*keepDims=*/false);
  } else {
    Value a = reshapeTo(b, loc, patches, {count, taps, groups, inputs});
    a = reshapeTo(b, loc, transposeBy(b, loc, a, {2, 0, 1, 3}), {groups, count, Dim(c.taps * c.inputs)});
    Value w = reshapeTo(b, loc, c.filter, {taps, inputs, groups, outputs});
    w = reshapeTo(b, loc, transposeBy(b, loc, w, {2, 0, 1, 3}), {groups, Dim(c.taps * c.inputs), outputs});
    result = transposeBy(b, loc, create(b, loc, "matmul", {a, w}), {1, 0, 2});
  }
  result = reshapeTo(b, loc, result, append(positions, {Dim(c.outputs)}));
  return {fromChannelsLast(b, loc, result, c.layout)};
}

llvm::SmallVector<Value> expandConvTranspose(mlir::OpBuilder& b, mlir::Operation* op) {
  mlir::Location loc = op->getLoc();
  Convolution c = convolutionOf(b, op);
  const size_t spatial = c.windows.size();
  llvm::ArrayRef<int64_t> padding = op->getAttrOfType<mlir::DenseI64ArrayAttr>("output_padding").asArrayRef();
  const Shape resultShape = shapeOf(op->getResult(0).getType());
  Shape lengths;
  for (size_t i = 0; i < spatial; ++i) {
    // The windows end where they did before: the padding of the result is beyond them.
    c.windows[i].high -= padding[i];
    lengths.push_back(resultShape[c.layout.spatial[i]]);
  }
  const Shape positions = positionsOf(c.x, spatial);
  const Dim count = positions.numElements();
  const Dim taps(c.taps), groups(c.groups), outputs(c.outputs), inputs(c.inputs / c.groups);
  // The filter with its inputs in front: [I, taps.., O].
  llvm::SmallVector<int64_t> permutation = {static_cast<int64_t>(spatial)};
  for (size_t i = 0; i < spatial; ++i) {
    permutation.push_back(static_cast<int64_t>(i));
  }
  permutation.push_back(static_cast<int64_t>(spatial) + 1);
  Value w = transposeBy(b, loc, c.filter, permutation);
  const Dim columns(c.taps * c.outputs);
  Value patches;
  if (c.groups == 1) {
    Value a = reshapeTo(b, loc, c.x, {count, inputs});
    patches = create(b, loc, "matmul", {a, reshapeTo(b, loc, w, {inputs, columns})});
  } else {
    Value a = transposeBy(b, loc, reshapeTo(b, loc, c.x, {count, groups, inputs}), {1, 0, 2});
    patches = create(b, loc, "matmul", {a, reshapeTo(b, loc, w, {groups, inputs, columns})});
    patches = reshapeTo(b, loc, patches, {groups, count, taps, outputs});
    patches = transposeBy(b, loc, patches, {1, 2, 0, 3});
  }
  Shape shape = positions;
  for (const ops::Window& window : c.windows) {
    shape.push_back(Dim(window.kernel));
  }
  patches = reshapeTo(b, loc, patches, append(shape, {Dim(c.outputs * c.groups)}));
  return {fromChannelsLast(b, loc, foldWindows(b, loc, patches, lengths, c.windows), c.layout)};
}

}  // namespace kiln::compiler
