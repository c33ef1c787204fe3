// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// reduce_sum, reduce_mean, reduce_prod, reduce_max, reduce_min, reduce_any and reduce_all.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

Status inferReduction(ShapeContext& context) {
  const Shape& x = context.operands[0].shape;
  KILN_ASSIGN_OR_RETURN(std::vector<bool> reduced,
                        resolveAxes(context.attribute<std::vector<int64_t>>("axes"), x, "x"));
  return setResult(context, context.operands[0].dtype, reducedShape(x, reduced, context.attribute<bool>("keep_dims")));
}

// Calls body(position in x, position in the result) for each element of x, in row-major order.
template <class F>
void forEachReduced(const Tensor& x, const std::vector<int64_t>& axes, F&& body) {
  std::vector<bool> reduced(x.dims().size());
  for (int64_t axis : axes) {
    reduced[axis < 0 ? axis + x.rank() : axis] = true;
  }
  std::vector<int64_t> kept = x.dims();
  for (size_t axis = 0; axis < kept.size(); ++axis) {
    kept[axis] = reduced[axis] ? 1 : kept[axis];
  }
  const std::vector<int64_t> strides = stridesOf(kept);
  forEachIndex(x.dims(), [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t to = 0;
    for (size_t axis = 0; axis < index.size(); ++axis) {
      to += reduced[axis] ? 0 : index[axis] * strides[axis];
    }
    body(position, to);
  });
}

template <class T>
std::vector<Accumulator<T>> sumsOf(const ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  std::vector<Accumulator<T>> sums(context.results[0].numElements());
  forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                 [&](int64_t from, int64_t to) { sums[to] += static_cast<Accumulator<T>>(x.data<T>()[from]); });
  return sums;
}

// The sums of term(element, position in the result), a double. They are taken wider, since terms of one sign leave no
// cancellation to hide the error of a sum in double behind.
template <class T, class F>
std::vector<double> sumsOf(const ReferenceContext& context, F&& term) {
  const Tensor& x = *context.operands[0];
  std::vector<long double> sums(context.results[0].numElements());
  forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                 [&](int64_t from, int64_t to) { sums[to] += term(static_cast<double>(x.data<T>()[from]), to); });
  return std::vector<double>(sums.begin(), sums.end());
}

template <class T>
void store(ReferenceContext& context, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    context.results[0].mutableData<T>()[i] = static_cast<T>(values[i]);
  }
}

// How many elements are reduced to one.
double countOf(const ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  double count = 1;
  for (int64_t axis : context.attribute<std::vector<int64_t>>("axes")) {
    count *= static_cast<double>(x.dims()[axis < 0 ? axis + x.rank() : axis]);
  }
  return count;
}

}  // namespace

namespace reduce_sum {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  return withNumeric(context.operands[0]->dtype(), [&]<class T>(T) {
    const auto sums = sumsOf<T>(context);
    for (size_t i = 0; i < sums.size(); ++i) {
      context.results[0].mutableData<T>()[i] = static_cast<T>(sums[i]);
    }
    return Status();
  });
}

}  // namespace reduce_sum

namespace reduce_mean {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const double count = countOf(context);
  return withFloat(context.operands[0]->dtype(), [&]<class T>(T) {
    const auto sums = sumsOf<T>(context);
    for (size_t i = 0; i < sums.size(); ++i) {
      const double mean = count == 0 ? std::numeric_limits<double>::quiet_NaN() : sums[i] / count;
      context.results[0].mutableData<T>()[i] = static_cast<T>(mean);
    }
    return Status();
  });
}

}  // namespace reduce_mean

namespace reduce_max {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return withNumeric(x.dtype(), [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    T* result = context.results[0].mutableData<T>();
    std::fill_n(result, context.results[0].numElements(),
                Limits::has_infinity ? -Limits::infinity() : Limits::lowest());
    forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                   [&](int64_t from, int64_t to) { result[to] = scalars::Maximum()(result[to], x.data<T>()[from]); });
    return Status();
  });
}

}  // namespace reduce_max

namespace reduce_min {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return withNumeric(x.dtype(), [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    T* result = context.results[0].mutableData<T>();
    std::fill_n(result, context.results[0].numElements(), Limits::has_infinity ? Limits::infinity() : Limits::max());
    forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                   [&](int64_t from, int64_t to) { result[to] = scalars::Minimum()(result[to], x.data<T>()[from]); });
    return Status();
  });
}

}  // namespace reduce_min

namespace reduce_prod {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return withNumeric(x.dtype(), [&]<class T>(T) {
    std::vector<Accumulator<T>> products(context.results[0].numElements(), Accumulator<T>(1));
    forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                   [&](int64_t from, int64_t to) { products[to] *= static_cast<Accumulator<T>>(x.data<T>()[from]); });
    for (size_t i = 0; i < products.size(); ++i) {
      context.results[0].mutableData<T>()[i] = static_cast<T>(products[i]);
    }
    return Status();
  });
}

}  // namespace reduce_prod

namespace reduce_any {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  bool* result = context.results[0].mutableData<bool>();
  forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                 [&](int64_t from, int64_t to) { result[to] = result[to] || x.data<bool>()[from]; });
  return {};
}

}  // namespace reduce_any

namespace reduce_all {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  bool* result = context.results[0].mutableData<bool>();
  std::fill_n(result, context.results[0].numElements(), true);
  forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"),
                 [&](int64_t from, int64_t to) { result[to] = result[to] && x.data<bool>()[from]; });
  return {};
}

}  // namespace reduce_all

namespace reduce_l1 {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  return withFloat(context.operands[0]->dtype(), [&]<class T>(T) {
    const auto sums = sumsOf<T>(context, [](double x, int64_t) { return std::abs(x); });
    store<T>(context, sums);
    return Status();
  });
}

}  // namespace reduce_l1

namespace reduce_sum_square {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  return withFloat(context.operands[0]->dtype(), [&]<class T>(T) {
    store<T>(context, sumsOf<T>(context, [](double x, int64_t) { return x * x; }));
    return Status();
  });
}

}  // namespace reduce_sum_square

namespace reduce_l2 {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  return withFloat(context.operands[0]->dtype(), [&]<class T>(T) {
    auto sums = sumsOf<T>(context, [](double x, int64_t) { return x * x; });
    for (double& sum : sums) {
      sum = std::sqrt(sum);
    }
    store<T>(context, sums);
    return Status();
  });
}

}  // namespace reduce_l2

namespace reduce_log_sum_exp {

Status inferShape(ShapeContext& context) { return inferReduction(context); }

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return withFloat(x.dtype(), [&]<class T>(T) {
    std::vector<double> largest(context.results[0].numElements(), -std::numeric_limits<double>::infinity());
    forEachReduced(x, context.attribute<std::vector<int64_t>>("axes"), [&](int64_t from, int64_t to) {
      largest[to] = scalars::Maximum()(largest[to], static_cast<double>(x.data<T>()[from]));
    });
    for (double& m : largest) {
      m = std::isfinite(m) ? m : 0;
    }
    auto sums = sumsOf<T>(context, [&](double value, int64_t to) { return std::exp(value - largest[to]); });
    for (size_t i = 0; i < sums.size(); ++i) {
      sums[i] = largest[i] + std::log(sums[i]);
    }
    store<T>(context, sums);
    return Status();
  });
}

}  // namespace reduce_log_sum_exp

namespace reduce_variance {

Status inferShape(ShapeContext& context) {
  const int64_t correction = context.attribute<int64_t>("correction");
  if (correction < 0) {
    return makeError<ErrorId::kO0133>("correction", correction, "0 or more");
  }
  return inferReduction(context);
}

Status reference(ReferenceContext& context) {
  const double count = countOf(context);
  const double divisor = std::max(count - static_cast<double>(context.attribute<int64_t>("correction")), 0.0);
  return withFloat(context.operands[0]->dtype(), [&]<class T>(T) {
    auto means = sumsOf<T>(context, [](double x, int64_t) { return x; });
    for (double& mean : means) {
      mean /= count;
    }
    auto sums = sumsOf<T>(context, [&](double x, int64_t to) { return (x - means[to]) * (x - means[to]); });
    for (double& sum : sums) {
      sum = divisor == 0 && sum == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / divisor;
    }
    store<T>(context, sums);
    return Status();
  });
}

}  // namespace reduce_variance
}  // namespace kiln::ops
