// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Losses that compare a value with a target element by element.
#include <cmath>

#include "ops/loss/reduction.h"

namespace kiln::ops {
namespace {

Status inferPair(ShapeContext& context, const char* value, bool hasBatchMean = false) {
  KILN_RETURN_IF_ERROR(checkSameType(context, 0, value, 1, "target"));
  return inferReduced(context, context.operands[0].dtype, context.operands[0].shape, hasBatchMean);
}

template <class F>
std::vector<double> lossesOf(const ReferenceContext& context, F&& loss) {
  std::vector<double> losses;
  for (int64_t i = 0; i < context.operands[0]->numElements(); ++i) {
    losses.push_back(loss(context.operands[0]->at(i), context.operands[1]->at(i)));
  }
  return losses;
}

}  // namespace

namespace mse_loss {

Status inferShape(ShapeContext& context) { return inferPair(context, "prediction"); }

Status reference(ReferenceContext& context) {
  return writeReduced(context, lossesOf(context, [](double x, double t) { return (x - t) * (x - t); }));
}

}  // namespace mse_loss

namespace mae_loss {

Status inferShape(ShapeContext& context) { return inferPair(context, "prediction"); }

Status reference(ReferenceContext& context) {
  return writeReduced(context, lossesOf(context, [](double x, double t) { return std::fabs(x - t); }));
}

}  // namespace mae_loss

namespace huber_loss {

Status inferShape(ShapeContext& context) {
  const double delta = context.attribute<double>("delta");
  if (!(delta > 0)) {
    return makeError<ErrorId::kO0133>("delta", delta, "a number above 0");
  }
  return inferPair(context, "prediction");
}

Status reference(ReferenceContext& context) {
  const double delta = context.attribute<double>("delta");
  return writeReduced(context, lossesOf(context, [delta](double x, double t) {
                        const double d = std::fabs(x - t);
                        return d <= delta ? 0.5 * d * d : delta * (d - 0.5 * delta);
                      }));
}

}  // namespace huber_loss

namespace smooth_l1 {

Status inferShape(ShapeContext& context) {
  const double beta = context.attribute<double>("beta");
  if (!(beta >= 0)) {
    return makeError<ErrorId::kO0133>("beta", beta, "a number from 0 up");
  }
  return inferPair(context, "prediction");
}

Status reference(ReferenceContext& context) {
  const double beta = context.attribute<double>("beta");
  return writeReduced(context, lossesOf(context, [beta](double x, double t) {
                        const double d = std::fabs(x - t);
                        return d < beta ? 0.5 * d * d / beta : d - 0.5 * beta;
                      }));
}

}  // namespace smooth_l1

namespace bce_with_logits {

Status inferShape(ShapeContext& context) { return inferPair(context, "logits"); }

Status reference(ReferenceContext& context) {
  const double positive = context.attribute<double>("pos_weight");
  return writeReduced(context, lossesOf(context, [positive](double x, double t) {
                        // log(1 + exp(x)) is max(x, 0) + log(1 + exp(-|x|)).
                        const double rest = std::log1p(std::exp(-std::fabs(x)));
                        return positive * t * (std::fmax(-x, 0) + rest) + (1 - t) * (std::fmax(x, 0) + rest);
                      }));
}

}  // namespace bce_with_logits

namespace kl_div {

Status inferShape(ShapeContext& context) { return inferPair(context, "input", /*hasBatchMean=*/true); }

Status reference(ReferenceContext& context) {
  const bool isLog = context.attribute<bool>("log_target");
  const Tensor& input = *context.operands[0];
  const std::vector<double> losses = lossesOf(context, [isLog](double x, double t) {
    return isLog ? std::exp(t) * (t - x) : t * ((t == 0 ? 0 : std::log(t)) - x);
  });
  const bool isBatchMean = context.attribute<std::string>("reduction") == "batchmean";
  return writeReduced(context, losses, static_cast<double>(isBatchMean ? input.dims()[0] : input.numElements()));
}

}  // namespace kl_div
}  // namespace kiln::ops
