// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/model.h"

#include <algorithm>
#include <iterator>

#include "examples/digits/dataset.h"
#include "graph/nn/convolution.h"
#include "graph/optim/methods.h"

namespace digits {

using namespace kiln;  // NOLINT: an example reads as its user would write it

namespace {

// What the network says of a batch: while it is trained, and when it predicts.
struct Logits {
  Value training, prediction;
};

// The network of the reference loss curve: logits = tanh(x W1 + b1) W2 + b2, uniform weights in [-1/8, 1/8], zero
// biases.
Logits referenceLogits(GraphBuilder& g, Value x) {
  DType dtype = x.dtype();
  auto weight = [&](const char* name, Shape shape) {
    return g.variable(name, randomUniform(g, shape, dtype, -0.125, 0.125));
  };
  auto bias = [&](const char* name, int64_t n) { return g.variable(name, g.constant(Tensor(dtype, {n}))); };
  Value w1 = weight("W1", {kPixels, 64});
  Value b1 = bias("b1", 64);
  Value w2 = weight("W2", {64, kClasses});
  Value b2 = bias("b2", kClasses);
  Value logits = matmul(tanh(matmul(x, w1) + b1), w2) + b2;
  return {logits, logits};
}

Logits mlpLogits(GraphBuilder& g, Value x) {
  Value h = nn::dense(g, "hidden", x, 128, relu);
  Value logits = nn::dense(g, "out", h, kClasses);
  return {logits, logits};
}

// Two layers of 3x3 filters over the 8x8 image, the largest of each 2x2 window, and one dense layer. Half of what that
// layer sees is dropped while training.
Logits cnnLogits(GraphBuilder& g, Value x) {
  Value image = reshape(x, {dim("batch"), 8, 8, 1});
  Value h = nn::conv(g, "conv1", image, 8, {3}, relu, {.padding = Padding::same()});
  h = nn::conv(g, "conv2", h, 16, {3}, relu, {.padding = Padding::same()});
  Value features = reshape(maxPool(h, {.kernel = {2}}), {dim("batch"), 4 * 4 * 16});
  auto variable = [&](const char* name, Shape shape) {
    return g.variable(
        name, nn::uniformFanIn()({.g = g, .shape = shape, .dtype = x.dtype(), .fanIn = 4 * 4 * 16, .where = {}}));
  };
  Value w = variable("out/w", {4 * 4 * 16, kClasses});
  Value b = variable("out/b", {kClasses});
  return {matmul(nn::dropout(features, 0.5), w) + b, matmul(features, w) + b};
}

struct ModelRow {
  const char* name;
  const char* help;
  Logits (*logits)(GraphBuilder&, Value x);
  double adamRate;  // The learning rate that suits it with Adam.
};
constexpr ModelRow kModels[] = {
    {"mlp", "64-128-10, relu", mlpLogits, 1e-3},
    {"cnn", "two layers of 3x3 filters, dropout", cnnLogits, 3e-3},
    {"reference", "64-64-10, tanh, batches in file order", referenceLogits, 1e-3},
};

// The row of this name, which the command line has checked.
const ModelRow& rowOf(const std::string& model) {
  auto found = std::ranges::find_if(kModels, [&](const ModelRow& row) { return row.name == model; });
  KILN_CHECK(found != std::end(kModels));
  return *found;
}

}  // namespace

std::vector<std::string> modelNames() {
  std::vector<std::string> names;
  for (const ModelRow& row : kModels) {
    names.emplace_back(row.name);
  }
  return names;
}

std::string modelHelp() {
  std::string text;
  for (const ModelRow& row : kModels) {
    text += (text.empty() ? "" : "; ") + std::string(row.name) + ": " + row.help;
  }
  return text;
}

StatusOr<Graph> buildModel(const ModelOptions& options) {
  GraphBuilder g("digits");
  g.setSeed(options.seed);
  Value x = g.placeholder("x", options.dtype, {dim("batch"), kPixels});
  Value y = g.placeholder("y", i32, {dim("batch")});
  const ModelRow& model = rowOf(options.model);
  auto [trainingLogits, prediction] = model.logits(g, x);
  Value loss = reduceMean(softmaxCrossEntropy(trainingLogits, y)).named("loss");
  Value logits = prediction.named("logits");
  optim::CommonOptions common{.learningRate = {}, .momentum = options.momentum, .weightDecay = options.weightDecay};
  if (options.learningRate || options.optimizer == "adam") {
    common.learningRate = options.learningRate.value_or(model.adamRate);
  }
  KILN_ASSIGN_OR_RETURN(optim::Optimizer optimizer, optim::makeOptimizer(g, options.optimizer, common));
  Target step = optimizer.minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  return g.finish();
}

}  // namespace digits
