// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// argmax and argmin.
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferArg(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  KILN_ASSIGN_OR_RETURN(int axis, resolveAxis(context.attribute<int64_t>("axis"), x, "x"));
  if (x[axis] == Dim(0)) {
    return makeError<ErrorId::kO0139>(axis, x.toString());
  }
  std::vector<bool> reduced(x.rank());
  reduced[axis] = true;
  return setResult(context, i64, reducedShape(x, reduced, context.attribute<bool>("keep_dims")));
}

// The first index of the best element: isBetter(x, y) says that x is better than y, neither of which is NaN, which is
// better than all.
template <class F>
Status referenceArg(ReferenceContext& context, F&& isBetter) {
  const Tensor& x = *context.operands[0];
  if (x.numElements() == 0) {
    return {};  // an axis of symbolic length may be empty in a run: its indices are 0
  }
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  return withNumeric(x.dtype(), [&]<class T>(T) {
    for (int64_t o = 0; o < view.outer; ++o) {
      for (int64_t i = 0; i < view.inner; ++i) {
        const T* line = x.data<T>() + o * view.n * view.inner + i;
        int64_t best = 0;
        for (int64_t k = 1; k < view.n; ++k) {
          const T value = line[k * view.inner], known = line[best * view.inner];
          if (known == known && (isBetter(value, known) || value != value)) {
            best = k;
          }
        }
        context.results[0].mutableData<int64_t>()[o * view.inner + i] = best;
      }
    }
    return Status();
  });
}

}  // namespace

namespace argmax {

Status inferShape(ShapeContext& context) { return inferArg(context); }
Status reference(ReferenceContext& context) {
  return referenceArg(context, [](auto x, auto y) { return x > y; });
}

}  // namespace argmax

namespace argmin {

Status inferShape(ShapeContext& context) { return inferArg(context); }
Status reference(ReferenceContext& context) {
  return referenceArg(context, [](auto x, auto y) { return x < y; });
}

}  // namespace argmin
}  // namespace kiln::ops
