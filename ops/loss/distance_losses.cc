// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Losses of distances and angles between vectors.
#include <algorithm>
#include <cmath>

#include "ops/loss/reduction.h"

namespace kiln::ops {
namespace {

// What keeps the norms of cosine_embedding_loss above zero.
constexpr double kCosineEpsilon = 1e-12;

// max(x, 0); NaN stays NaN.
double positivePart(double x) { return x < 0 ? 0 : x; }

struct Products {
  double xy = 0, xx = 0, yy = 0;
  Products(const Tensor& x, const Tensor& y, int64_t start, int64_t n, int64_t stride) {
    for (int64_t k = 0; k < n; ++k) {
      const double a = x.at(start + k * stride), b = y.at(start + k * stride);
      xy += a * b;
      xx += a * a;
      yy += b * b;
    }
  }
};

}  // namespace

namespace cosine_similarity {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "x", 1, "y"));
  const Shape& x = context.operands[0].shape;
  KILN_ASSIGN_OR_RETURN(int axis, resolveAxis(context.attribute<int64_t>("axis"), x, "x"));
  const double epsilon = context.attribute<double>("epsilon");
  if (!(epsilon >= 0)) {
    return makeError<ErrorId::kO0133>("epsilon", epsilon, "a number from 0 up");
  }
  std::vector<bool> reduced(static_cast<size_t>(x.rank()));
  reduced[static_cast<size_t>(axis)] = true;
  return setResult(context, context.operands[0].dtype, reducedShape(x, reduced, false));
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &y = *context.operands[1];
  const double epsilon = context.attribute<double>("epsilon");
  const AxisView view(x.dims(), context.attribute<int64_t>("axis"));
  for (int64_t i = 0; i < view.outer * view.inner; ++i) {
    const Products p(x, y, i / view.inner * view.n * view.inner + i % view.inner, view.n, view.inner);
    context.results[0].set(i, p.xy / (std::fmax(std::sqrt(p.xx), epsilon) * std::fmax(std::sqrt(p.yy), epsilon)));
  }
  return {};
}

}  // namespace cosine_similarity

namespace cosine_embedding_loss {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "x", 1, "y"));
  KILN_RETURN_IF_ERROR(checkWithoutLastAxis(context, 0, "x", 2, "labels"));
  return inferReduced(context, context.operands[0].dtype, context.operands[2].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &y = *context.operands[1], &labels = *context.operands[2];
  const double margin = context.attribute<double>("margin");
  const int64_t n = x.dims().back();
  std::vector<double> losses;
  for (int64_t i = 0; i < labels.numElements(); ++i) {
    const Products p(x, y, i * n, n, 1);
    const double cosine = p.xy / std::sqrt((p.xx + kCosineEpsilon) * (p.yy + kCosineEpsilon));
    const int64_t label = integerAt(labels, i);
    losses.push_back(label == 1 ? 1 - cosine : label == -1 ? positivePart(cosine - margin) : 0);
  }
  return writeReduced(context, losses);
}

}  // namespace cosine_embedding_loss

namespace triplet_margin_loss {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "anchor", 1, "positive"));
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, "anchor", 2, "negative"));
  const Shape& shape = context.operands[0].shape;
  if (shape.rank() == 0) {
    return makeError<ErrorId::kO0111>(-1, 0, 0, "anchor", shape.toString());
  }
  const double p = context.attribute<double>("p");
  if (!(p > 0) || std::isinf(p)) {
    return makeError<ErrorId::kO0133>("p", p, "a finite number above 0");
  }
  return inferReduced(context, context.operands[0].dtype, Shape(std::vector<Dim>(shape.begin(), shape.end() - 1)));
}

Status reference(ReferenceContext& context) {
  const Tensor &anchor = *context.operands[0], &positive = *context.operands[1], &negative = *context.operands[2];
  const double margin = context.attribute<double>("margin"), p = context.attribute<double>("p");
  const double epsilon = context.attribute<double>("epsilon");
  const int64_t n = anchor.dims().back(), count = productOf(anchor.dims(), 0, anchor.dims().size() - 1);
  std::vector<double> losses;
  for (int64_t i = 0; i < count; ++i) {
    const auto distance = [&](const Tensor& x, const Tensor& y) {
      double sum = 0;
      for (int64_t k = i * n; k < (i + 1) * n; ++k) {
        sum += std::pow(std::fabs(x.at(k) - y.at(k) + epsilon), p);
      }
      return std::pow(sum, 1 / p);
    };
    double apart = distance(anchor, negative);
    if (context.attribute<bool>("swap")) {
      apart = std::min(apart, distance(positive, negative));
    }
    losses.push_back(positivePart(distance(anchor, positive) - apart + margin));
  }
  return writeReduced(context, losses);
}

}  // namespace triplet_margin_loss
}  // namespace kiln::ops
