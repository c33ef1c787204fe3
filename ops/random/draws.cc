// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The random ops that make something of uniform numbers, which philox.h defines.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ops/random/philox.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"
#include "proto/base/gamma.h"

namespace kiln::ops {
namespace {

Status checkState(const ShapeContext& context) {
  const ValueType& state = context.operands[0];
  return state.shape == Shape{2} ? Status() : makeError<ErrorId::kO0138>("state", state.toString(), "i64[2]");
}

RandomStream streamOf(const ReferenceContext& context) {
  const Tensor& state = *context.operands[0];
  return {integerAt(state, 0), integerAt(state, 1), context.attribute<int64_t>("op_id")};
}

// Element i on [0, 1), of 53 bits for f64 and 24 for all other types.
double unitFor(DType dtype, const RandomStream& stream, int64_t i) {
  const auto at = static_cast<uint64_t>(i);
  return dtype == f64 ? stream.unit<double>(at) : static_cast<double>(stream.unit<float>(at));
}

// The inverse of erf within [-0.96, 0.96], by Newton's method from its first term: exact but for the last digit.
double inverseErf(double y) {
  double x = y * 0.88622692545275801365;  // sqrt(pi) / 2
  for (int step = 0; step < 40; ++step) {
    x -= (std::erf(x) - y) * 0.88622692545275801365 * std::exp(x * x);
  }
  return x;
}

}  // namespace

namespace random_truncated_normal {

Status inferShape(ShapeContext& context) {
  const double mean = context.attribute<double>("mean"), stddev = context.attribute<double>("stddev");
  if (!(stddev >= 0) || !std::isfinite(stddev)) {
    return makeError<ErrorId::kO0133>("stddev", stddev, "a finite number, at least 0");
  }
  if (!std::isfinite(mean)) {
    return makeError<ErrorId::kO0133>("mean", mean, "a finite number");
  }
  KILN_RETURN_IF_ERROR(checkState(context));
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 1, "shape"));
  return setResult(context, context.attribute<DType>("dtype"), std::move(shape));
}

Status reference(ReferenceContext& context) {
  constexpr double kBound = 0.95449973610364158560, kRoot2 = 1.41421356237309504880;  // erf(sqrt 2) and sqrt 2
  const RandomStream stream = streamOf(context);
  const double mean = context.attribute<double>("mean"), stddev = context.attribute<double>("stddev");
  Tensor& result = context.results[0];
  return withFloat(result.dtype(), [&]<class T>(T) {
    using Drawn = std::conditional_t<std::is_same_v<T, double>, double, float>;
    for (int64_t i = 0; i < result.numElements(); ++i) {
      const Drawn bound = static_cast<Drawn>(kBound);
      const double u = stream.uniform<Drawn>(static_cast<uint64_t>(i), -bound, bound);
      const double value = std::clamp(kRoot2 * inverseErf(u), -2.0, 2.0);
      result.mutableData<T>()[i] = static_cast<T>(value * stddev + mean);
    }
    return Status();
  });
}

}  // namespace random_truncated_normal

namespace random_bernoulli {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkState(context));
  return setResult(context, context.attribute<DType>("dtype"), context.operands[1].shape);
}

Status reference(ReferenceContext& context) {
  const RandomStream stream = streamOf(context);
  const Tensor& probability = *context.operands[1];
  for (int64_t i = 0; i < probability.numElements(); ++i) {
    context.results[0].set(i, unitFor(probability.dtype(), stream, i) < probability.at(i) ? 1 : 0);
  }
  return {};
}

}  // namespace random_bernoulli

namespace random_categorical {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkState(context));
  const ValueType& logits = context.operands[1];
  const int64_t count = context.attribute<int64_t>("num_samples");
  if (logits.shape.rank() < 1 || logits.shape[logits.shape.rank() - 1] == Dim(0)) {
    return makeError<ErrorId::kO0138>("logits", logits.toString(), "a last axis of at least one class");
  }
  if (count < 0) {
    return makeError<ErrorId::kO0133>("num_samples", count, "at least 0");
  }
  Shape shape = logits.shape;
  shape[shape.rank() - 1] = Dim(count);
  return setResult(context, context.attribute<DType>("dtype"), std::move(shape));
}

Status reference(ReferenceContext& context) {
  const RandomStream stream = streamOf(context);
  const Tensor& logits = *context.operands[1];
  const int64_t classes = logits.dims().back(), samples = context.attribute<int64_t>("num_samples");
  for (int64_t draw = 0; draw < context.results[0].numElements(); ++draw) {
    int64_t best = 0;
    double largest = 0;
    for (int64_t c = 0; c < classes; ++c) {
      const double u = unitFor(logits.dtype(), stream, draw * classes + c);
      const double score = logits.at(draw / samples * classes + c) - std::log(-std::log(u));
      // As argmax does: the first of equal ones, and NaN is the largest.
      if (c == 0 || (score > largest && !std::isnan(largest)) || (std::isnan(score) && !std::isnan(largest))) {
        best = c;
        largest = score;
      }
    }
    context.results[0].set(draw, static_cast<double>(best));
  }
  return {};
}

}  // namespace random_categorical

namespace random_permutation {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkState(context));
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 1, "shape"));
  const DType dtype = context.attribute<DType>("dtype");
  if (shape.rank() != 1) {
    return makeError<ErrorId::kO0138>("shape", shape.toString(), "one length");
  }
  if (dtype == i32 && shape[0].isStatic() && shape[0].value() > std::numeric_limits<int32_t>::max()) {
    return makeError<ErrorId::kO0133>("dtype", "i32", "i64, for numbers up to " + shape[0].toString());
  }
  return setResult(context, dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const RandomStream stream = streamOf(context);
  Tensor& result = context.results[0];
  std::vector<std::pair<double, int64_t>> keys;
  for (int64_t i = 0; i < result.numElements(); ++i) {
    keys.emplace_back(stream.unit<double>(static_cast<uint64_t>(i)), i);
  }
  std::sort(keys.begin(), keys.end());
  for (int64_t i = 0; i < result.numElements(); ++i) {
    result.set(i, static_cast<double>(keys[static_cast<size_t>(i)].second));
  }
  return {};
}

}  // namespace random_permutation

namespace random_gamma {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkState(context));
  return setResult(context, context.operands[1].dtype, context.operands[1].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor &state = *context.operands[0], &concentration = *context.operands[1];
  for (int64_t i = 0; i < concentration.numElements(); ++i) {
    context.results[0].set(i, gammaNumber(integerAt(state, 0), integerAt(state, 1), context.attribute<int64_t>("op_id"),
                                          static_cast<uint64_t>(i), concentration.at(i)));
  }
  return {};
}

}  // namespace random_gamma

namespace random_integers {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkState(context));
  const DType dtype = context.attribute<DType>("dtype");
  const int64_t low = context.attribute<int64_t>("low"), high = context.attribute<int64_t>("high");
  if (low >= high) {
    return makeError<ErrorId::kO0133>("high", high, absl::StrCat("above low, which is ", low));
  }
  const int bits = bitWidth(dtype);
  const bool isUnsigned = isUnsignedInteger(dtype);
  // What the type holds, as far as an i64 bound can reach.
  const int64_t largest =
      bits == 64 ? std::numeric_limits<int64_t>::max() : (int64_t{1} << (isUnsigned ? bits : bits - 1)) - 1;
  const int64_t lowest = isUnsigned ? 0 : -largest - 1;
  if (isInteger(dtype) && (low < lowest || high - 1 > largest)) {
    const bool isLow = low < lowest;
    return makeError<ErrorId::kO0133>(
        isLow ? "low" : "high", isLow ? low : high,
        absl::StrCat("within what ", std::string(toString(dtype)), " holds: ", lowest, " to ", largest));
  }
  KILN_ASSIGN_OR_RETURN(Shape shape, resultShapeOperand(context, 1, "shape"));
  return setResult(context, dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const RandomStream stream = streamOf(context);
  const int64_t low = context.attribute<int64_t>("low"), high = context.attribute<int64_t>("high");
  Tensor& result = context.results[0];
  return withInteger(result.dtype(), [&]<class T>(T) {
    for (int64_t i = 0; i < result.numElements(); ++i) {
      result.mutableData<T>()[i] = static_cast<T>(stream.integer(static_cast<uint64_t>(i), low, high));
    }
    return Status();
  });
}

}  // namespace random_integers
}  // namespace kiln::ops
