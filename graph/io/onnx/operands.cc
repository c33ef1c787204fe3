// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/operands.h"

#include <algorithm>

namespace kiln::onnx {

StatusOr<std::vector<Value>> arithmeticInputs(NodeImport& n) {
  if (n.numInputs() == 0) {
    return n.invalid("it has no inputs");
  }
  std::vector<Value> values;
  for (int i = 0; i < n.numInputs(); ++i) {
    values.push_back(n.in(i));
    if (isStored(n.elementType(i))) {
      return n.unsupported("elements of type " + elementTypeName(n.elementType(i)));
    }
  }
  return values;
}

Status checkBroadcast(const NodeImport& n, const std::vector<Shape>& shapes) {
  Shape common;
  for (const Shape& shape : shapes) {
    std::vector<Dim> dims(std::max(common.rank(), shape.rank()));
    for (int back = 1; back <= static_cast<int>(dims.size()); ++back) {
      const Dim a = back <= common.rank() ? common[common.rank() - back] : Dim(1);
      const Dim b = back <= shape.rank() ? shape[shape.rank() - back] : Dim(1);
      if (a != b && a != Dim(1) && b != Dim(1)) {
        const std::string lengths = common.toString() + " and " + shape.toString();
        return a.isStatic() && b.isStatic() ? n.invalid("the shapes " + lengths + " do not broadcast")
                                            : n.unsupported("broadcasting over symbolic lengths: " + lengths);
      }
      dims[dims.size() - back] = a == Dim(1) ? b : a;
    }
    common = Shape(std::move(dims));
  }
  return {};
}

Status checkAlike(const NodeImport& n, const std::vector<Value>& values) {
  std::vector<Shape> shapes;
  for (const Value& value : values) {
    if (value.isPoisoned()) {
      return {};
    }
    if (value.dtype() != values[0].dtype()) {
      return n.invalid("inputs are " + std::string(toString(values[0].dtype())) + " and " +
                       std::string(toString(value.dtype())));
    }
    shapes.push_back(value.shape());
  }
  return checkBroadcast(n, shapes);
}

StatusOr<Value> alignedTo(NodeImport& n, const Shape& a, Value b) {
  if (!n.hasAttribute("kiln_axis") || b.isPoisoned()) {
    return b;
  }
  int64_t axis = n.integer("kiln_axis", 0);
  axis = axis < 0 ? axis + a.rank() : axis;
  if (axis < 0 || axis + b.rank() > a.rank()) {
    return n.invalid("shape " + b.shape().toString() + " does not fit into " + a.toString() + " from axis " +
                     std::to_string(axis) + " on");
  }
  Shape shape = b.shape();
  while (shape.rank() + axis < a.rank()) {
    shape.push_back(1);
  }
  return reshape(b, std::move(shape));
}

Value inWide(Value x, const std::function<Value(Value)>& f) {
  const bool isHalf = !x.isPoisoned() && (x.dtype() == f16 || x.dtype() == bf16);
  return isHalf ? cast(f(cast(x, f32)), x.dtype()) : f(x);
}

Value valueOf(GraphBuilder& g, const Dim& length) {
  if (length.isStatic()) {
    return g.constant(Tensor::scalar<int64_t>(length.value()));
  }
  const std::source_location here = std::source_location::current();
  return reshape(g.makeNode("shape_value", {}, {{"shape", Shape{length}}}, "", here)[0], Shape{});
}

Dim product(const Shape& shape, int from, int to) {
  Dim result = 1;
  for (int axis = from; axis < to; ++axis) {
    result = result * shape[axis];
  }
  return result;
}

}  // namespace kiln::onnx
