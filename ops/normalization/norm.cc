// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The normalisations. Each cuts x into sets of elements that share statistics.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

DType statisticsType(DType dtype) { return dtype == f16 || dtype == bf16 ? f32 : dtype; }

Status checkEpsilon(const ShapeContext& context) {
  const double epsilon = context.attribute<double>("epsilon");
  if (!std::isfinite(epsilon) || epsilon < 0) {
    return makeError<ErrorId::kO0133>("epsilon", epsilon, "a finite number, at least 0");
  }
  return {};
}

Status checkParameter(const ShapeContext& context, size_t operand, const char* name, DType dtype, const Shape& shape) {
  const ValueType &found = context.operands[operand], wanted{dtype, shape};
  if (!(found == wanted)) {
    return makeError<ErrorId::kO0138>(name, found.toString(), wanted.toString());
  }
  return {};
}

// Of the ops with a channel axis: checks scale and bias, and gives the axis.
StatusOr<int> checkChannels(const ShapeContext& context, bool hasBatch) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(int axis, resolveAxis(context.attribute<int64_t>("axis"), x.shape, "x"));
  if (hasBatch && axis == 0) {
    return makeError<ErrorId::kO0133>("axis", context.attribute<int64_t>("axis"),
                                      "the channel axis, which is not the first: that is the batch");
  }
  const Shape channels{x.shape[axis]};
  KILN_RETURN_IF_ERROR(checkParameter(context, 1, "scale", x.dtype, channels));
  KILN_RETURN_IF_ERROR(checkParameter(context, 2, "bias", x.dtype, channels));
  KILN_RETURN_IF_ERROR(checkEpsilon(context));
  return axis;
}

// Of layer_norm and rms_norm: checks the operands after x.
Status inferTrailing(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(int axis, resolveAxis(context.attribute<int64_t>("axis"), x.shape, "x"));
  const Shape rest(std::vector<Dim>(x.shape.begin() + axis, x.shape.end()));
  for (size_t operand = 1; operand < context.operands.size(); ++operand) {
    KILN_RETURN_IF_ERROR(checkParameter(context, operand, operand == 1 ? "scale" : "bias", x.dtype, rest));
  }
  KILN_RETURN_IF_ERROR(checkEpsilon(context));
  return setResult(context, x.dtype, x.shape);
}

struct Statistics {
  double mean = 0, variance = 0;
};

// Two passes over the elements of each of `sets` sets; setOf gives the set of a position.
template <class T, class F>
std::vector<Statistics> statisticsOf(const Tensor& x, int64_t sets, F&& setOf) {
  std::vector<Statistics> all(static_cast<size_t>(sets));
  std::vector<int64_t> counts(all.size());
  for (int64_t i = 0; i < x.numElements(); ++i) {
    all[setOf(i)].mean += static_cast<double>(x.data<T>()[i]);
    ++counts[setOf(i)];
  }
  for (size_t set = 0; set < all.size(); ++set) {
    all[set].mean /= static_cast<double>(counts[set]);
  }
  for (int64_t i = 0; i < x.numElements(); ++i) {
    const double difference = static_cast<double>(x.data<T>()[i]) - all[setOf(i)].mean;
    all[setOf(i)].variance += difference * difference;
  }
  for (size_t set = 0; set < all.size(); ++set) {
    all[set].variance /= static_cast<double>(counts[set]);
  }
  return all;
}

// result = (x - mean) / sqrt(variance + epsilon) * scale + bias.
template <class T, class SetOf, class ParameterOf>
void normalize(ReferenceContext& context, const std::vector<Statistics>& statistics, SetOf&& setOf,
               ParameterOf&& parameterOf) {
  const Tensor& x = *context.operands[0];
  const double epsilon = context.attribute<double>("epsilon");
  for (int64_t i = 0; i < x.numElements(); ++i) {
    const Statistics& s = statistics[setOf(i)];
    const int64_t p = parameterOf(i);
    const double scale = static_cast<double>(context.operands[1]->data<T>()[p]);
    const double bias = static_cast<double>(context.operands[2]->data<T>()[p]);
    context.results[0].mutableData<T>()[i] =
        static_cast<T>((static_cast<double>(x.data<T>()[i]) - s.mean) / std::sqrt(s.variance + epsilon) * scale + bias);
  }
}

// The reference of instance_norm and group_norm.
Status normalizeGroups(ReferenceContext& context, int64_t groups) {
  const Tensor& x = *context.operands[0];
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  const int64_t batch = x.dims()[0], channelsOfGroup = groups == 0 ? 1 : view.n / groups;
  auto channelOf = [&](int64_t i) { return i / view.inner % view.n; };
  auto setOf = [&](int64_t i) { return i / (x.numElements() / batch) * groups + channelOf(i) / channelsOfGroup; };
  return withFloat(x.dtype(), [&]<class T>(T) {
    normalize<T>(context, statisticsOf<T>(x, batch * groups, setOf), setOf, channelOf);
    return Status();
  });
}

}  // namespace

namespace batch_norm {

Status inferShape(ShapeContext& context) {
  const ValueType x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(int axis, checkChannels(context, /*hasBatch=*/false));
  const ValueType statistics{statisticsType(x.dtype), Shape{x.shape[axis]}};
  context.results = {x, statistics, statistics};
  return {};
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  auto channelOf = [&](int64_t i) { return i / view.inner % view.n; };
  return withFloat(x.dtype(), [&]<class T>(T) {
    const std::vector<Statistics> statistics = statisticsOf<T>(x, view.n, channelOf);
    normalize<T>(context, statistics, channelOf, channelOf);
    for (int64_t c = 0; c < view.n; ++c) {
      context.results[1].set(c, statistics[static_cast<size_t>(c)].mean);
      context.results[2].set(c, statistics[static_cast<size_t>(c)].variance);
    }
    return Status();
  });
}

}  // namespace batch_norm

namespace batch_norm_inference {

Status inferShape(ShapeContext& context) {
  const ValueType x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(int axis, checkChannels(context, /*hasBatch=*/false));
  const Shape channels{x.shape[axis]};
  KILN_RETURN_IF_ERROR(checkParameter(context, 3, "mean", statisticsType(x.dtype), channels));
  KILN_RETURN_IF_ERROR(checkParameter(context, 4, "variance", statisticsType(x.dtype), channels));
  return setResult(context, x.dtype, x.shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  auto channelOf = [&](int64_t i) { return i / view.inner % view.n; };
  std::vector<Statistics> statistics;
  for (int64_t c = 0; c < view.n; ++c) {
    statistics.push_back({context.operands[3]->at(c), context.operands[4]->at(c)});
  }
  return withFloat(x.dtype(), [&]<class T>(T) {
    normalize<T>(context, statistics, channelOf, channelOf);
    return Status();
  });
}

}  // namespace batch_norm_inference

namespace layer_norm {

Status inferShape(ShapeContext& context) { return inferTrailing(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  const int64_t count = context.operands[1]->numElements();
  if (x.numElements() == 0) {
    return {};
  }
  auto setOf = [&](int64_t i) { return i / count; };
  return withFloat(x.dtype(), [&]<class T>(T) {
    normalize<T>(context, statisticsOf<T>(x, x.numElements() / count, setOf), setOf,
                 [&](int64_t i) { return i % count; });
    return Status();
  });
}

}  // namespace layer_norm

namespace rms_norm {

Status inferShape(ShapeContext& context) { return inferTrailing(context); }

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &scale = *context.operands[1];
  const int64_t count = scale.numElements();
  const double epsilon = context.attribute<double>("epsilon");
  return withFloat(x.dtype(), [&]<class T>(T) {
    for (int64_t start = 0; start < x.numElements(); start += count) {
      double squares = 0;
      for (int64_t i = 0; i < count; ++i) {
        const double value = static_cast<double>(x.data<T>()[start + i]);
        squares += value * value;
      }
      const double root = std::sqrt(squares / static_cast<double>(count) + epsilon);
      for (int64_t i = 0; i < count; ++i) {
        context.results[0].mutableData<T>()[start + i] = static_cast<T>(static_cast<double>(x.data<T>()[start + i]) /
                                                                        root * static_cast<double>(scale.data<T>()[i]));
      }
    }
    return Status();
  });
}

}  // namespace rms_norm

namespace instance_norm {

Status inferShape(ShapeContext& context) {
  const ValueType x = context.operands[0];
  KILN_RETURN_IF_ERROR(checkChannels(context, /*hasBatch=*/true).status());
  return setResult(context, x.dtype, x.shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return normalizeGroups(context, AxisView(x.dims(), context.attribute<int64_t>("axis")).n);
}

}  // namespace instance_norm

namespace group_norm {

Status inferShape(ShapeContext& context) {
  const ValueType x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(int axis, checkChannels(context, /*hasBatch=*/true));
  const int64_t groups = context.attribute<int64_t>("groups");
  if (!x.shape[axis].isStatic()) {
    return makeError<ErrorId::kO0138>("x", x.toString(), absl::StrCat("a number as the length of axis ", axis));
  }
  if (groups < 1 || x.shape[axis].value() % groups != 0) {
    return makeError<ErrorId::kO0133>("groups", groups,
                                      absl::StrCat("a number that divides the ", x.shape[axis].value(), " channels"));
  }
  return setResult(context, x.dtype, x.shape);
}

Status reference(ReferenceContext& context) { return normalizeGroups(context, context.attribute<int64_t>("groups")); }

}  // namespace group_norm
}  // namespace kiln::ops
