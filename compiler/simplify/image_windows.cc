// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/simplify/image_windows.h"

#include <limits>

#include "compiler/dialect/attributes.h"

namespace kiln::compiler {
namespace {

mlir::NamedAttribute ints(mlir::OpBuilder& b, llvm::StringRef name, const std::vector<int64_t>& values) {
  return b.getNamedAttr(name, b.getDenseI64ArrayAttr(values));
}

llvm::SmallVector<mlir::NamedAttribute> windowAttributes(mlir::OpBuilder& b, const std::vector<ops::Window>& windows) {
  std::vector<int64_t> kernel, strides, dilations, low, high;
  for (const ops::Window& w : windows) {
    kernel.push_back(w.kernel);
    strides.push_back(w.stride);
    dilations.push_back(w.dilation);
    low.push_back(w.low);
    high.push_back(w.high);
  }
  return {ints(b, "kernel", kernel), ints(b, "strides", strides), ints(b, "dilations", dilations), ints(b, "low", low),
          ints(b, "high", high)};
}

}  // namespace

Value toChannelsLast(mlir::OpBuilder& b, mlir::Location loc, Value x, const ops::Layout& layout) {
  return transposeBy(b, loc, x, ops::toChannelsLast(layout));
}

Value fromChannelsLast(mlir::OpBuilder& b, mlir::Location loc, Value x, const ops::Layout& layout) {
  const std::vector<int64_t> permutation = ops::toChannelsLast(layout);
  std::vector<int64_t> inverse(permutation.size());
  for (size_t axis = 0; axis < permutation.size(); ++axis) {
    inverse[static_cast<size_t>(permutation[axis])] = static_cast<int64_t>(axis);
  }
  return transposeBy(b, loc, x, inverse);
}

Value unfoldWindows(mlir::OpBuilder& b, mlir::Location loc, Value x, double value,
                    const std::vector<ops::Window>& windows) {
  Value filling = splat(b, loc, value, {dtypeOf(x.getType()), {}});
  return create(b, loc, "unfold", {x, filling}, windowAttributes(b, windows));
}

Value foldWindows(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& lengths,
                  const std::vector<ops::Window>& windows) {
  return create(b, loc, "fold", {x, shapeValue(b, loc, lengths)}, windowAttributes(b, windows));
}

llvm::SmallVector<int64_t> tapAxes(size_t spatial) {
  return llvm::to_vector(llvm::seq<int64_t>(static_cast<int64_t>(1 + spatial), static_cast<int64_t>(1 + 2 * spatial)));
}

std::string stringAttr(mlir::Operation* op, llvm::StringRef name) {
  return op->getAttrOfType<mlir::StringAttr>(name).getValue().str();
}

Attributes attributesOf(mlir::Operation* op) { return attributesOf(op, nullptr); }

MaxPool maxPoolOf(mlir::Operation* op) {
  const ValueType x = valueType(op->getOperand(0).getType());
  const Attributes attributes = attributesOf(op);
  const ops::Pool pool = ops::poolOf(attributes, x).value();
  MaxPool result{pool.layout, pool.windows, {}};
  for (size_t i = 0; i < pool.windows.size(); ++i) {
    const Dim& length = x.shape[pool.layout.spatial[i]];
    result.lengths.push_back(length);
    if (pool.ceilMode && length.isStatic()) {
      result.windows[i] = ops::withCeilMode(pool.windows[i], length.value());
    }
  }
  return result;
}

Value tapPositions(mlir::OpBuilder& b, mlir::Location loc, const MaxPool& pool) {
  const Dim count = pool.lengths.numElements();
  const bool isSmall = count.isStatic() && count.value() <= std::numeric_limits<int32_t>::max();
  Value positions =
      create(b, loc, "iota", shapeValue(b, loc, Shape{count}),
             {b.getNamedAttr("axis", b.getI64IntegerAttr(0)),
              b.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(b.getContext(), isSmall ? i32 : i64)))});
  Shape image{Dim(1)};
  for (const Dim& length : pool.lengths) {
    image.push_back(length);
  }
  image.push_back(Dim(1));
  return unfoldWindows(b, loc, reshapeTo(b, loc, positions, image), -1, pool.windows);
}

}  // namespace kiln::compiler
