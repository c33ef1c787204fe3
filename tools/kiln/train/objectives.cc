// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/objectives.h"

#include <algorithm>
#include <source_location>

namespace kiln::train {
namespace {

constexpr char kClassLoss[] = "softmax_cross_entropy";

Value fail(GraphBuilder& g, const Compared& compared, const std::string& text) {
  g.addError(makeError<ErrorId::kT0031>("layer '" + compared.layer + "'", text), std::source_location::current());
  return g.poisoned();
}

std::string typeText(const Value& value) { return ValueType{value.dtype(), value.shape()}.toString(); }

// Logits [.., classes] for labels [..], with a class for every label.
bool fitClasses(GraphBuilder& g, const Compared& compared, const NetworkInput& input) {
  const Value& logits = compared.prediction;
  const Shape& shape = logits.shape();
  Shape wanted = compared.labels.shape();
  wanted.push_back(input.numClasses);
  bool fits = isFloat(logits.dtype()) && shape.rank() == wanted.rank();
  for (int axis = 0; fits && axis + 1 < shape.rank(); ++axis) {
    fits = shape[axis] == wanted[axis];
  }
  if (!fits) {
    fail(g, compared,
         "gives " + typeText(logits) + ", and labels of " + std::to_string(input.numClasses) + " classes need " +
             wanted.toString());
    return false;
  }
  const Dim& classes = shape[shape.rank() - 1];
  if (classes.isStatic() && classes.value() < input.numClasses) {
    fail(
        g, compared,
        "gives " + std::to_string(classes.value()) + " classes, and the data have " + std::to_string(input.numClasses));
    return false;
  }
  return true;
}

// A prediction with an axis of length 1 more than the labels is brought to their shape; other shapes have to be equal:
// broadcasting would compare each with each.
bool fitNumbers(GraphBuilder& g, const Compared& compared, Value& prediction, Value& labels) {
  prediction = compared.prediction;
  labels = compared.labels;
  const Shape& wanted = labels.shape();
  if (prediction.rank() == wanted.rank() + 1 && prediction.shape()[prediction.rank() - 1] == Dim(1)) {
    prediction = squeeze(prediction, -1);
  }
  if (!isFloat(prediction.dtype()) || !(prediction.shape() == wanted)) {
    fail(g, compared, "gives " + typeText(compared.prediction) + ", and the labels are " + wanted.toString());
    return false;
  }
  labels = cast(labels, prediction.dtype());
  return true;
}

Value meanOf(Value x) { return reduceMean(cast(x, f64)); }

}  // namespace

Value buildLoss(GraphBuilder& g, const Loss& loss, const Compared& compared, const NetworkInput& input) {
  if (compared.prediction.isPoisoned()) {
    return compared.prediction;
  }
  if (loss.type() == kClassLoss) {
    if (!fitClasses(g, compared, input)) {
      return g.poisoned();
    }
    if (loss.label_smoothing() != 0) {
      return crossEntropy(compared.prediction, compared.labels,
                          {.weights = {}, .labelSmoothing = loss.label_smoothing()});
    }
    return reduceMean(softmaxCrossEntropy(compared.prediction, compared.labels));
  }
  Value prediction, labels;
  if (!fitNumbers(g, compared, prediction, labels)) {
    return g.poisoned();
  }
  if (loss.type() == "mse") {
    return mseLoss(prediction, labels);
  }
  if (loss.type() == "mae") {
    return maeLoss(prediction, labels);
  }
  if (loss.type() == "huber") {
    return huberLoss(prediction, labels, loss.delta());
  }
  if (loss.type() == "smooth_l1") {
    return smoothL1(prediction, labels, loss.delta());
  }
  return bceWithLogits(prediction, labels);
}

std::vector<std::string> metricNames() { return {"accuracy", "mae", "mse", "top_k"}; }

std::string metricName(const Metric& metric) {
  return metric.type() == "top_k" ? "top_" + std::to_string(metric.k()) : metric.type();
}

Value buildMetric(GraphBuilder& g, const Metric& metric, const Compared& compared, const NetworkInput& input) {
  if (compared.prediction.isPoisoned()) {
    return compared.prediction;
  }
  const bool hasClasses = input.numClasses > 0;
  if (hasClasses && (metric.type() == "accuracy" || metric.type() == "top_k")) {
    if (!fitClasses(g, compared, input)) {
      return g.poisoned();
    }
    if (metric.type() == "accuracy") {
      return meanOf(equal(cast(argmax(compared.prediction), i32), compared.labels));
    }
    // How many classes are said to be more likely than the right one.
    const int last = compared.prediction.rank() - 1;
    const Value right = gather(compared.prediction, expandDims(compared.labels, last), last, last);
    const Value above = reduceSum(cast(greater(compared.prediction, right), i32), {last});
    return meanOf(less(above, static_cast<double>(metric.k())));
  }
  if (hasClasses || metric.type() == "top_k") {
    return fail(g, compared,
                metric.type() + " is of " +
                    (hasClasses ? "numbers, and the labels are classes" : "classes, and the labels are numbers"));
  }
  Value prediction, labels;
  if (!fitNumbers(g, compared, prediction, labels)) {
    return g.poisoned();
  }
  if (metric.type() == "accuracy") {
    // Of logits: above 0 is more likely than not.
    return meanOf(equal(cast(greater(prediction, 0), i32), cast(greater(labels, 0.5), i32)));
  }
  const Value difference = cast(prediction, f64) - cast(labels, f64);
  return metric.type() == "mse" ? reduceMean(square(difference)) : reduceMean(abs(difference));
}

StatusOr<bool> hasClassLabels(const ConfigFile& file) {
  const std::vector<std::string> known = {kClassLoss, "sigmoid_cross_entropy", "mse", "mae", "huber", "smooth_l1"};
  if (file.config.loss_size() == 0) {
    return meaningError(file, "loss", "loss", "is missing; wanted loss { type: \"softmax_cross_entropy\" } or another");
  }
  for (int i = 0; i < file.config.loss_size(); ++i) {
    const std::string part = "loss[" + std::to_string(i) + "]";
    const std::string& type = file.config.loss(i).type();
    if (std::ranges::find(known, type) == known.end()) {
      return meaningError(file, part, "loss", "type " + unknownName(type, known));
    }
    if ((type == kClassLoss) != (file.config.loss(0).type() == kClassLoss)) {
      return meaningError(
          file, part, "loss",
          "'" + type + "' beside '" + file.config.loss(0).type() + "': labels are either classes or numbers");
    }
  }
  return file.config.loss(0).type() == kClassLoss;
}

}  // namespace kiln::train
