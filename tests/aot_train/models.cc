// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/aot_train/models.h"

#include "examples/digits/model.h"
#include "graph/nn/attention.h"
#include "graph/nn/convolution.h"
#include "graph/nn/dense.h"
#include "graph/nn/normalization.h"
#include "graph/nn/recurrent.h"
#include "graph/optim/methods.h"

namespace kiln::aot {
namespace {

constexpr uint64_t kSeed = 7;

// Trains on the mean loss of logits [.., classes] against y [..], which are made flat: `count` of them.
StatusOr<Graph> finish(GraphBuilder& g, Value x, Value y, Value logits, const Dim& count, int64_t classes) {
  logits = logits.named("logits");
  Value loss = reduceMean(softmaxCrossEntropy(reshape(logits, {count, classes}), reshape(y, {count}))).named("loss");
  Target step = optim::adam(g, {.learningRate = 3e-3}).minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  return g.finish();
}

StatusOr<Graph> digits() {
  digits::ModelOptions options;
  options.model = "cnn";
  options.optimizer = "adam";
  options.seed = kSeed;
  return digits::buildModel(options);
}

StatusOr<Graph> leNet() {
  GraphBuilder g("lenet");
  g.setSeed(kSeed);
  const Dim batch = dim("batch");
  Value x = g.placeholder("x", f32, {batch, 28, 28, 1});
  Value y = g.placeholder("y", i32, {batch});
  Value h = nn::conv(g, "conv1", x, 6, {5}, tanh, {.padding = Padding::same()});
  h = nn::conv(g, "conv2", maxPool(h, {.kernel = {2}}), 16, {5}, tanh);
  h = reshape(maxPool(h, {.kernel = {2}}), {batch, 5 * 5 * 16});
  h = nn::dense(g, "hidden2", nn::dense(g, "hidden1", h, 120, tanh), 84, tanh);
  return finish(g, x, y, nn::dense(g, "out", h, 10), batch, 10);
}

StatusOr<Graph> charLstm() {
  constexpr int64_t kLength = 24, kCharacters = 32, kWidth = 16, kUnits = 32;
  GraphBuilder g("char_lstm");
  g.setSeed(kSeed);
  const Dim batch = dim("batch");
  Value x = g.placeholder("x", i32, {batch, kLength});
  Value y = g.placeholder("y", i32, {batch, kLength});
  auto variable = [&](const char* name, Shape shape) {
    return g.variable(name, randomUniform(g, shape, f32, -0.2, 0.2));
  };
  Value steps = transpose(embedding(variable("embedding", {kCharacters, kWidth}), x), {1, 0, 2});
  nn::RecurrentResult lstm = nn::lstm(g, steps,
                                      {.input = variable("lstm/input", {1, 4 * kUnits, kWidth}),
                                       .hidden = variable("lstm/hidden", {1, 4 * kUnits, kUnits}),
                                       .biases = variable("lstm/biases", {1, 8 * kUnits})});
  Value states = transpose(reshape(lstm.sequence, {kLength, batch, kUnits}), {1, 0, 2});
  return finish(g, x, y, nn::dense(g, "out", states, kCharacters), batch * kLength, kCharacters);
}

Value transformerLayer(GraphBuilder& g, const std::string& name, Value x, int64_t width, int64_t heads) {
  Value h = nn::layerNorm(g, name + "/norm1", x);
  auto projected = [&](const char* part) {
    return nn::splitHeads(g, nn::dense(g, name + "/" + part, h, width), heads);
  };
  Value attended =
      nn::attention(g, projected("query"), projected("key"), projected("value"), {.isCausal = true}).result;
  x = x + nn::dense(g, name + "/out", nn::mergeHeads(g, attended), width);
  h = nn::dense(g, name + "/up", nn::layerNorm(g, name + "/norm2", x), 4 * width, [](Operand z) { return gelu(z); });
  return x + nn::dense(g, name + "/down", h, width);
}

StatusOr<Graph> gptMini() {
  constexpr int64_t kContext = 32, kTokens = 64, kWidth = 64, kHeads = 4;
  GraphBuilder g("gpt_mini");
  g.setSeed(kSeed);
  const Dim batch = dim("batch");
  Value x = g.placeholder("x", i32, {batch, kContext});
  Value y = g.placeholder("y", i32, {batch, kContext});
  auto table = [&](const char* name, int64_t rows) {
    return g.variable(name, randomUniform(g, {rows, kWidth}, f32, -0.1, 0.1));
  };
  Value h = embedding(table("tokens", kTokens), x) + table("positions", kContext);
  for (const char* layer : {"layer1", "layer2"}) {
    h = transformerLayer(g, layer, h, kWidth, kHeads);
  }
  h = nn::dense(g, "out", nn::layerNorm(g, "norm", h), kTokens);
  return finish(g, x, y, h, batch * kContext, kTokens);
}

}  // namespace

const std::vector<TrainedModel>& trainedModels() {
  static const std::vector<TrainedModel> models = {{"digits", 32, 10, digits},
                                                   {"lenet", 8, 10, leNet},
                                                   {"char_lstm", 8, 32, charLstm},
                                                   {"gpt_mini", 4, 64, gptMini}};
  return models;
}

}  // namespace kiln::aot
