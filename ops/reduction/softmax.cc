// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// softmax and log_softmax.
#include "ops/reduction/softmax.h"

#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferSoftmax(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_RETURN_IF_ERROR(resolveAxis(context.attribute<int64_t>("axis"), x.shape, "x").status());
  return setResult(context, x.dtype, x.shape);
}

// result = value(x, LogSum of x's line along the axis) for each element.
template <class F>
Status forEachLine(ReferenceContext& context, F&& value) {
  const Tensor& x = *context.operands[0];
  if (x.numElements() == 0) {
    return {};
  }
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  return withFloat(x.dtype(), [&]<class T>(T) {
    for (int64_t line = 0; line < view.outer * view.inner; ++line) {
      const int64_t start = line / view.inner * view.n * view.inner + line % view.inner;
      const T* in = x.data<T>() + start;
      T* out = context.results[0].mutableData<T>() + start;
      const LogSum total(in, view.n, view.inner);
      for (int64_t k = 0; k < view.n; ++k) {
        out[k * view.inner] = static_cast<T>(value(static_cast<double>(in[k * view.inner]), total));
      }
    }
    return Status();
  });
}

}  // namespace

namespace softmax {

Status inferShape(ShapeContext& context) { return inferSoftmax(context); }
Status reference(ReferenceContext& context) {
  return forEachLine(context, [](double x, const LogSum& total) { return std::exp(x - total.max) / total.sum; });
}

}  // namespace softmax

namespace log_softmax {

Status inferShape(ShapeContext& context) { return inferSoftmax(context); }
Status reference(ReferenceContext& context) {
  return forEachLine(context, [](double x, const LogSum& total) { return x - total.max - std::log(total.sum); });
}

}  // namespace log_softmax
}  // namespace kiln::ops
