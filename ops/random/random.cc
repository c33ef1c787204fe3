// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// random_uniform and random_normal; the numbers are defined in philox.h.
#include "absl/strings/str_cat.h"
#include "ops/random/philox.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferRandom(ShapeContext& context) {
  const ValueType& state = context.operands[0];
  if (!(state.shape == Shape{2})) {
    return makeError<ErrorId::kO0138>("state", state.toString(), "i64[2]");
  }
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 1, "shape"));
  return setResult(context, context.attribute<DType>("dtype"), std::move(shape));
}

RandomStream streamOf(const ReferenceContext& context) {
  const Tensor& state = *context.operands[0];
  return {integerAt(state, 0), integerAt(state, 1), context.attribute<int64_t>("op_id")};
}

}  // namespace

namespace random_uniform {

Status inferShape(ShapeContext& context) {
  const double low = context.attribute<double>("low"), high = context.attribute<double>("high");
  const DType dtype = context.attribute<DType>("dtype");
  if (dtype != f16 && dtype != bf16 && dtype != f32 && dtype != f64) {
    return inferRandom(context);  // (C3) is checked with the results, for every op
  }
  // In the result's type: 0 and 1e-60 are the same f32.
  bool isRange = false;
  KILN_RETURN_IF_ERROR(withFloat(dtype, [&]<class T>(T) {
    const T l = static_cast<T>(low), h = static_cast<T>(high);
    isRange = l < h && std::isfinite(static_cast<T>(h - l));
    return Status();
  }));
  if (!isRange) {
    return makeError<ErrorId::kO0133>("high", high, absl::StrCat("a finite number above low, which is ", low));
  }
  return inferRandom(context);
}

Status reference(ReferenceContext& context) {
  const RandomStream stream = streamOf(context);
  const double low = context.attribute<double>("low"), high = context.attribute<double>("high");
  Tensor& result = context.results[0];
  return withFloat(result.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < result.numElements(); ++i) {
      result.mutableData<T>()[i] =
          stream.uniform<T>(static_cast<uint64_t>(i), static_cast<T>(low), static_cast<T>(high));
    }
    return Status();
  });
}

}  // namespace random_uniform

namespace random_normal {

Status inferShape(ShapeContext& context) {
  const double mean = context.attribute<double>("mean"), stddev = context.attribute<double>("stddev");
  if (!(stddev >= 0) || !std::isfinite(stddev)) {
    return makeError<ErrorId::kO0133>("stddev", stddev, "a finite number, at least 0");
  }
  if (!std::isfinite(mean)) {
    return makeError<ErrorId::kO0133>("mean", mean, "a finite number");
  }
  return inferRandom(context);
}

Status reference(ReferenceContext& context) {
  const RandomStream stream = streamOf(context);
  const double mean = context.attribute<double>("mean"), stddev = context.attribute<double>("stddev");
  Tensor& result = context.results[0];
  return withFloat(result.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < result.numElements(); ++i) {
      result.mutableData<T>()[i] = static_cast<T>(stream.normal<T>(static_cast<uint64_t>(i)) * stddev + mean);
    }
    return Status();
  });
}

}  // namespace random_normal
}  // namespace kiln::ops
