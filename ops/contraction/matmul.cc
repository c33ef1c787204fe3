// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops::matmul {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "a", 1, "b"));
  const Shape &a = context.operands[0].shape, &b = context.operands[1].shape;
  const int rank = a.rank();
  if (rank != b.rank() || rank < 2) {
    return makeError<ErrorId::kO0116>(a.toString(), b.toString());
  }
  const bool transposeA = context.attribute<bool>("transpose_a"), transposeB = context.attribute<bool>("transpose_b");
  const Dim &m = a[transposeA ? rank - 1 : rank - 2], &innerA = a[transposeA ? rank - 2 : rank - 1];
  const Dim &innerB = b[transposeB ? rank - 1 : rank - 2], &n = b[transposeB ? rank - 2 : rank - 1];
  Shape result;
  for (int axis = 0; axis < rank - 2; ++axis) {
    if (!(a[axis] == b[axis])) {
      return makeError<ErrorId::kO0117>("a", a.toString(), "b", b.toString(), axis, a[axis].toString(),
                                        b[axis].toString());
    }
    result.push_back(a[axis]);
  }
  if (!(innerA == innerB)) {
    auto shown = [](const Shape& shape, bool transposed) {
      return shape.toString() + (transposed ? " transposed" : "");
    };
    return makeError<ErrorId::kO0107>(shown(a, transposeA), shown(b, transposeB), innerA.toString(), innerB.toString());
  }
  result.push_back(m);
  result.push_back(n);
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor &a = *context.operands[0], &b = *context.operands[1];
  Tensor& result = context.results[0];
  const bool transposeA = context.attribute<bool>("transpose_a"), transposeB = context.attribute<bool>("transpose_b");
  const size_t rank = a.dims().size();
  const int64_t m = result.dims()[rank - 2], n = result.dims()[rank - 1];
  const int64_t depth = a.dims()[transposeA ? rank - 2 : rank - 1];
  const int64_t batches = productOf(result.dims(), 0, rank - 2);
  return withNumeric(a.dtype(), [&]<class T>(T) {
    for (int64_t batch = 0; batch < batches; ++batch) {
      const T* left = a.data<T>() + batch * m * depth;
      const T* right = b.data<T>() + batch * depth * n;
      T* out = result.mutableData<T>() + batch * m * n;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          Accumulator<T> sum = 0;
          for (int64_t k = 0; k < depth; ++k) {
            sum += static_cast<Accumulator<T>>(left[transposeA ? k * m + i : i * depth + k]) *
                   static_cast<Accumulator<T>>(right[transposeB ? j * depth + k : k * n + j]);
          }
          out[i * n + j] = static_cast<T>(sum);
        }
      }
    }
    return Status();
  });
}

}  // namespace kiln::ops::matmul
