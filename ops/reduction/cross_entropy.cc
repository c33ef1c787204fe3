// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// softmax_cross_entropy and softmax_cross_entropy_dense.
#include "ops/reduction/softmax.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

StatusOr<Shape> withoutLastAxis(const ValueType& logits) {
  if (logits.shape.rank() == 0) {
    return makeError<ErrorId::kO0111>(-1, 0, 0, "logits", logits.shape.toString());
  }
  return Shape(std::vector<Dim>(logits.shape.begin(), logits.shape.end() - 1));
}

}  // namespace

namespace softmax_cross_entropy {

Status inferShape(ShapeContext& context) {
  const ValueType &logits = context.operands[0], &labels = context.operands[1];
  KILN_ASSIGN_OR_RETURN(Shape shape, withoutLastAxis(logits));
  KILN_RETURN_IF_ERROR(checkSameShape(labels.shape, "labels", shape, "logits without its last axis"));
  return setResult(context, logits.dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor &logits = *context.operands[0], &labels = *context.operands[1];
  const int64_t classes = logits.dims().back();
  return withFloat(logits.dtype(), [&]<class T>(T) -> Status {
    for (int64_t i = 0; i < labels.numElements(); ++i) {
      const int64_t label = integerAt(labels, i);
      if (label < 0 || label >= classes) {
        return makeError<ErrorId::kR0030>(label, classes);
      }
      const T* row = logits.data<T>() + i * classes;
      const LogSum total(row, classes, 1);
      context.results[0].mutableData<T>()[i] =
          static_cast<T>(std::log(total.sum) - (static_cast<double>(row[label]) - total.max));
    }
    return {};
  });
}

}  // namespace softmax_cross_entropy

namespace softmax_cross_entropy_dense {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "logits", 1, "labels"));
  KILN_ASSIGN_OR_RETURN(Shape shape, withoutLastAxis(context.operands[0]));
  return setResult(context, context.operands[0].dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor &logits = *context.operands[0], &labels = *context.operands[1];
  const int64_t classes = logits.dims().back();
  return withFloat(logits.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
      const T* row = logits.data<T>() + i * classes;
      const T* weights = labels.data<T>() + i * classes;
      const LogSum total(row, classes, 1);
      double sum = 0;
      for (int64_t k = 0; k < classes; ++k) {
        sum += static_cast<double>(weights[k]) * (static_cast<double>(row[k]) - total.max - std::log(total.sum));
      }
      context.results[0].mutableData<T>()[i] = static_cast<T>(-sum);
    }
    return Status();
  });
}

}  // namespace softmax_cross_entropy_dense
}  // namespace kiln::ops
