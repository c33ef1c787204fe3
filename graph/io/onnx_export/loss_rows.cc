// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Losses, as formulas: those of ONNX have other axes and other means.
#include <cmath>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

std::vector<int64_t> allAxes(int rank) {
  std::vector<int64_t> axes;
  for (int axis = 0; axis < rank; ++axis) {
    axes.push_back(axis);
  }
  return axes;
}

Formula sumOver(const Formula& x, const std::vector<int64_t>& axes) {
  return {x.node(), x.node().reduce("ReduceSum", x.value(), axes, false), x.dtype()};
}

// Losses of this shape, as the attribute `reduction` says.
Status setReduced(NodeExport& n, const Formula& losses, const Shape& shape) {
  const std::string& reduction = n.attribute<std::string>("reduction");
  const std::vector<int64_t> axes = allAxes(shape.rank());
  if (reduction == "none") {
    n.set(0, losses.value());
  } else if (reduction == "mean") {
    n.set(0, n.reduce("ReduceMean", losses.value(), axes, false));
  } else if (reduction == "batchmean") {
    const Formula length(n, n.cast(n.dimScalar(shape[0]), i64, losses.dtype()), losses.dtype());
    n.set(0, (sumOver(losses, axes) / length).value());
  } else {
    n.set(0, sumOver(losses, axes).value());
  }
  return {};
}

Formula maxWith(const Formula& x, double y) { return x.with("Max", x.number(y)); }

Status writeBce(NodeExport& n) {
  const Formula x = operand(n, 0), target = operand(n, 1);
  const Formula losses = target * (-x).apply("Softplus") * n.real("pos_weight") + (1.0 - target) * x.apply("Softplus");
  return setReduced(n, losses, n.shape());
}

Formula lengthAlong(const Formula& x, int64_t axis) {
  return {x.node(), x.node().reduce("ReduceSum", (x * x).value(), {axis}, false), x.dtype()};
}

Status writeCosineSimilarity(NodeExport& n) {
  const Formula x = operand(n, 0), y = operand(n, 1);
  const int64_t axis = n.axis("axis", n.rank());
  const double epsilon = n.real("epsilon");
  const Formula lengths =
      maxWith(lengthAlong(x, axis).apply("Sqrt"), epsilon) * maxWith(lengthAlong(y, axis).apply("Sqrt"), epsilon);
  n.set(0, (sumOver(x * y, {axis}) / lengths).value());
  return {};
}

Status writeCosineEmbedding(NodeExport& n) {
  const Formula x = operand(n, 0), y = operand(n, 1), labels = operand(n, 2);
  const int64_t last = n.rank() - 1;
  constexpr double kEpsilon = 1e-12;
  const Formula lengths = ((lengthAlong(x, last) + kEpsilon) * (lengthAlong(y, last) + kEpsilon)).apply("Sqrt");
  const Formula cosine = sumOver(x * y, {last}) / lengths;
  const Formula apart = maxWith(cosine - n.real("margin"), 0);
  const Formula losses = choose(isEqual(labels, 1), 1.0 - cosine, choose(isEqual(labels, -1), apart, cosine.number(0)));
  return setReduced(n, losses, n.shape(2));
}

// -weights[label] * logs[label] and, smoothed, the mean over classes; 0 for the label that is ignored. The mean is over
// the weights of the labels.
Status writeClassLoss(NodeExport& n, const Formula& logs, double smoothing) {
  const int64_t last = n.rank() - 1;
  const Formula labels = operand(n, 1);
  const Formula isIgnored = isEqual(labels, static_cast<double>(n.integer("ignore_index")));
  const Formula known = choose(isIgnored, labels.number(0), labels);
  const std::string places = n.unsqueeze(known.value(), {last});
  const auto pick = [&](const std::string& table) {
    return Formula(n, n.squeeze(n.op("GatherElements", {table, places}, {{"axis", last}}), {last}), logs.dtype());
  };
  const bool hasWeights = n.numInputs() > 2;
  const Formula ones = logs.number(1);
  const Formula weight =
      hasWeights ? Formula(n, n.op("Gather", {n.in(2), known.value()}, {{"axis", int64_t{0}}}), logs.dtype()) : ones;
  Formula losses = -pick(logs.value());
  losses = hasWeights ? losses * weight : losses;
  if (smoothing != 0) {
    const Formula all = sumOver(hasWeights ? logs * operand(n, 2) : logs, {last});
    const Formula classes(n, n.cast(n.dimScalar(n.shape()[static_cast<int>(last)]), i64, logs.dtype()), logs.dtype());
    losses = losses * (1 - smoothing) - all * smoothing / classes;
  }
  const Formula zero = logs.number(0);
  losses = choose(isIgnored, zero, losses);
  if (n.attribute<std::string>("reduction") != "mean") {
    return setReduced(n, losses, n.shape(1));
  }
  const std::vector<int64_t> axes = allAxes(n.rank(1));
  const Formula counted = choose(isIgnored, zero, weight);
  n.set(0, (sumOver(losses, axes) / sumOver(counted, axes)).value());
  return {};
}
Status writeCrossEntropy(NodeExport& n) {
  const Formula logs(n, n.op("LogSoftmax", {n.in(0)}, {{"axis", int64_t{-1}}}), n.dtype());
  return writeClassLoss(n, logs, n.real("label_smoothing"));
}
Status writeNll(NodeExport& n) { return writeClassLoss(n, operand(n, 0), 0); }

Formula distance(NodeExport& n) { return (operand(n, 0) - operand(n, 1)).apply("Abs"); }

Status writeHuber(NodeExport& n) {
  const Formula d = distance(n);
  const double delta = n.real("delta");
  return setReduced(n, choose(d > delta, (d - delta / 2) * delta, d * d * 0.5), n.shape());
}
Status writeSmoothL1(NodeExport& n) {
  const Formula d = distance(n);
  const double beta = n.real("beta");
  return setReduced(n, beta == 0 ? d : choose(d < beta, d * d / (2 * beta), d - beta / 2), n.shape());
}
Status writeMae(NodeExport& n) { return setReduced(n, distance(n), n.shape()); }
Status writeMse(NodeExport& n) {
  const Formula d = operand(n, 0) - operand(n, 1);
  return setReduced(n, d * d, n.shape());
}

Status writeKlDiv(NodeExport& n) {
  const Formula x = operand(n, 0), target = operand(n, 1);
  if (n.flag("log_target")) {
    return setReduced(n, target.apply("Exp") * (target - x), n.shape());
  }
  const Formula entropy = choose(isEqual(target, 0), target.number(0), target * target.apply("Log"));
  return setReduced(n, entropy - target * x, n.shape());
}

Status writeTripletMargin(NodeExport& n) {
  const double p = n.real("p"), epsilon = n.real("epsilon");
  const int64_t last = n.rank() - 1;
  const auto between = [&](int a, int b) {
    const Formula d = (operand(n, a) - operand(n, b) + epsilon).apply("Abs");
    const Formula powers = p == 2 ? d * d : d.with("Pow", d.number(p));
    const Formula sum = sumOver(powers, {last});
    return p == 2 ? sum.apply("Sqrt") : sum.with("Pow", sum.number(1 / p));
  };
  Formula away = between(0, 2);
  if (n.flag("swap")) {
    away = away.with("Min", between(1, 2));
  }
  Shape shape = n.shape();
  const Shape reduced(std::vector<Dim>(shape.begin(), shape.end() - 1));
  return setReduced(n, maxWith(between(0, 1) - away + n.real("margin"), 0), reduced);
}

constexpr std::string_view kNoCtc = "ONNX has no connectionist temporal classification";

constexpr ExportRow kRows[] = {
    {"bce_with_logits", writeBce},
    {"cosine_embedding_loss", writeCosineEmbedding},
    {"cosine_similarity", writeCosineSimilarity},
    {"cross_entropy", writeCrossEntropy},
    refused("ctc_loss", kNoCtc),
    refused("ctc_loss_gradient", kNoCtc),
    {"huber_loss", writeHuber},
    {"kl_div", writeKlDiv},
    {"mae_loss", writeMae},
    {"mse_loss", writeMse},
    {"nll_loss", writeNll},
    {"smooth_l1", writeSmoothL1},
    {"triplet_margin_loss", writeTripletMargin},
};

}  // namespace

std::span<const ExportRow> lossRows() { return kRows; }

}  // namespace kiln::onnx
