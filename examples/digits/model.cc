// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/model.h"

#include "examples/digits/dataset.h"

namespace digits {

using namespace kiln;  // NOLINT: an example reads as its user would write it

namespace {

// The network of the reference loss curve: logits = tanh(x W1 + b1) W2 + b2, uniform weights in [-1/8, 1/8], zero
// biases.
Value referenceLogits(GraphBuilder& g, Value x, DType dtype) {
  auto weight = [&](const char* name, Shape shape) {
    return g.variable(name, randomUniform(g, shape, dtype, -0.125, 0.125));
  };
  auto bias = [&](const char* name, int64_t n) { return g.variable(name, g.constant(Tensor(dtype, {n}))); };
  Value w1 = weight("W1", {kPixels, 64});
  Value b1 = bias("b1", 64);
  Value w2 = weight("W2", {64, kClasses});
  Value b2 = bias("b2", kClasses);
  return matmul(tanh(matmul(x, w1) + b1), w2) + b2;
}

Value mlpLogits(GraphBuilder& g, Value x) {
  Value h = nn::dense(g, "hidden", x, 128, relu);
  return nn::dense(g, "out", h, kClasses);
}

Target minimize(GraphBuilder& g, Value loss, const ModelOptions& options) {
  if (options.optimizer == "sgd") {
    return optim::sgd(g, {.learningRate = options.learningRate}).minimize(loss);
  }
  if (options.optimizer == "momentum") {
    return optim::momentum(g, {.learningRate = options.learningRate, .momentum = options.momentum}).minimize(loss);
  }
  return optim::adam(g, {.learningRate = options.learningRate}).minimize(loss);
}

}  // namespace

StatusOr<Graph> buildModel(const ModelOptions& options) {
  GraphBuilder g("digits");
  g.setSeed(options.seed);
  Value x = g.placeholder("x", options.dtype, {dim("batch"), kPixels});
  Value y = g.placeholder("y", i32, {dim("batch")});
  Value logits = options.model == "reference" ? referenceLogits(g, x, options.dtype) : mlpLogits(g, x);
  logits = logits.named("logits");
  Value loss = reduceMean(softmaxCrossEntropy(logits, y)).named("loss");
  Target step = minimize(g, loss, options);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  return g.finish();
}

}  // namespace digits
