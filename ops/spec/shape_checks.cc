// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/shape_checks.h"

#include "absl/strings/str_cat.h"

namespace kiln::ops {

bool isNonNegative(const Dim& dim) {
  return Dim::max(dim, 0) == dim;  // folded when proven
}

bool isNegative(const Dim& dim) { return isNonNegative(Dim(-1) - dim); }

Status checkSameDType(const ShapeContext& context, size_t i, const char* nameI, size_t j, const char* nameJ) {
  const ValueType &a = context.operands[i], &b = context.operands[j];
  if (a.dtype != b.dtype) {
    return makeError<ErrorId::kO0108>(nameI, a.toString(), nameJ, b.toString());
  }
  return {};
}

Status checkSameShape(const Shape& a, const std::string& nameA, const Shape& b, const std::string& nameB) {
  if (a == b) {
    return {};
  }
  std::string where = absl::StrCat("rank ", a.rank(), " vs ", b.rank());
  for (int axis = 0; a.rank() == b.rank() && axis < a.rank(); ++axis) {
    if (!(a[axis] == b[axis])) {
      where = absl::StrCat("dimension ", axis, ": ", a[axis].toString(), " vs ", b[axis].toString());
      break;
    }
  }
  return makeError<ErrorId::kO0109>(nameA, a.toString(), nameB, b.toString(), where);
}

Status checkSameType(const ShapeContext& context, size_t i, const char* nameI, size_t j, const char* nameJ) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, i, nameI, j, nameJ));
  return checkSameShape(context.operands[i].shape, nameI, context.operands[j].shape, nameJ);
}

Status checkRank(const ValueType& type, const std::string& name, int rank) {
  if (type.shape.rank() != rank) {
    return makeError<ErrorId::kO0110>(name, type.toString(), rank, type.shape.rank());
  }
  return {};
}

Status checkNonNegative(const Shape& shape, const std::string& name) {
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (isNegative(shape[axis])) {
      return makeError<ErrorId::kO0115>(name, shape.toString(), axis, shape[axis].toString());
    }
  }
  return {};
}

StatusOr<int> resolveAxis(int64_t axis, const Shape& shape, const std::string& name) {
  if (axis < -shape.rank() || axis >= shape.rank()) {
    return makeError<ErrorId::kO0111>(axis, -shape.rank(), shape.rank(), name, shape.toString());
  }
  return static_cast<int>(axis < 0 ? axis + shape.rank() : axis);
}

StatusOr<std::vector<bool>> resolveAxes(const std::vector<int64_t>& axes, const Shape& shape, const std::string& name) {
  std::vector<bool> marked(shape.rank());
  for (int64_t axis : axes) {
    KILN_ASSIGN_OR_RETURN(int resolved, resolveAxis(axis, shape, name));
    if (marked[resolved]) {
      return makeError<ErrorId::kO0112>(resolved, toString(Attribute(axes)));
    }
    marked[resolved] = true;
  }
  return marked;
}

StatusOr<std::vector<Dim>> shapeOperand(const ShapeContext& context, size_t index, const char* name) {
  KILN_RETURN_IF_ERROR(checkRank(context.operands[index], name, 1));
  if (index >= context.shapeValues.size() || !context.shapeValues[index].has_value()) {
    return makeError<ErrorId::kO0113>(name);
  }
  return *context.shapeValues[index];
}

StatusOr<Shape> resultShapeOperand(const ShapeContext& context, size_t index, const char* name) {
  KILN_ASSIGN_OR_RETURN(std::vector<Dim> dims, shapeOperand(context, index, name));
  Shape shape(std::move(dims));
  KILN_RETURN_IF_ERROR(checkNonNegative(shape, name));
  return shape;
}

Status checkEntries(size_t entries, const char* name, const Shape& shape) {
  if (entries != static_cast<size_t>(shape.rank())) {
    return makeError<ErrorId::kO0114>(name, entries, shape.rank(), shape.toString());
  }
  return {};
}

Shape reducedShape(const Shape& shape, const std::vector<bool>& reduced, bool keepDims) {
  Shape result;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!reduced[axis]) {
      result.push_back(shape[axis]);
    } else if (keepDims) {
      result.push_back(Dim(1));
    }
  }
  return result;
}

Status setResult(ShapeContext& context, DType dtype, Shape shape) {
  context.results = {ValueType{dtype, std::move(shape), ValueKind::kTensor}};
  return {};
}

}  // namespace kiln::ops
