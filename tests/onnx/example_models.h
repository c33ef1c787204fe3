// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Models whose exports are tested: a CNN for digits with a training step, an LSTM, a small GPT, loops and
/// branches.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/nn/convolution.h"
#include "graph/nn/normalization.h"
#include "graph/nn/recurrent.h"

namespace kiln::tests {

/// An entry of a graph with values of its feeds.
struct ExampleModel {
  std::string name;
  Graph graph;
  std::string entry;
  std::vector<Tensor> feeds;
};

/// Numbers between -1 and 1 that differ from each other.
inline Tensor someNumbers(std::vector<int64_t> dims, double first) {
  Tensor tensor(f32, dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, std::sin(1.7 * static_cast<double>(i) + first));
  }
  return tensor;
}
/// Whole numbers from 0 to below - 1.
inline Tensor someIndices(DType dtype, std::vector<int64_t> dims, int64_t below) {
  Tensor tensor(dtype, dims);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, static_cast<double>((7 * i + 3) % below));
  }
  return tensor;
}

/// The network of examples/digits: two convolutions, pooling, a dense layer, with dropout while it is trained by Adam.
inline StatusOr<Graph> digitsCnn() {
  GraphBuilder g("digits");
  const Dim batch = dim("batch");
  Value x = g.placeholder("x", f32, {batch, 64});
  Value y = g.placeholder("y", i32, {batch});
  Value h = nn::conv(g, "conv1", reshape(x, {batch, 8, 8, 1}), 8, {3}, relu, {.padding = Padding::same()});
  h = nn::conv(g, "conv2", h, 16, {3}, relu, {.padding = Padding::same()});
  Value features = reshape(maxPool(h, {.kernel = {2}}), {batch, 256});
  Value w = g.variable("out/w", randomUniform(g, {256, 10}, f32, -0.0625, 0.0625));
  Value b = g.variable("out/b", g.constant(Tensor(f32, {10})));
  Value logits = (matmul(features, w) + b).named("logits");
  Value training = matmul(nn::dropout(features, 0.5), w) + b;
  Value loss = reduceMean(softmaxCrossEntropy(training, y)).named("loss");
  KILN_ASSIGN_OR_RETURN(optim::Optimizer optimizer, optim::makeOptimizer(g, "adam", {}));
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {optimizer.minimize(loss)}});
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  return g.finish();
}

/// A language model over characters: embedding, LSTM, dense; batch and length are symbolic.
inline StatusOr<Graph> lstmModel() {
  GraphBuilder g("lstm");
  constexpr int64_t kWords = 11, kSize = 6, kUnits = 5;
  Value ids = g.placeholder("ids", i64, {dim("length"), dim("batch")});
  Value table = g.variable("embedding/w", randomNormal(g, {kWords, kSize}));
  Value x = gather(table, ids);
  const nn::RecurrentWeights weights = {
      .input = g.variable("lstm/w", randomUniform(g, {1, 4 * kUnits, kSize}, f32, -0.5, 0.5)),
      .hidden = g.variable("lstm/r", randomUniform(g, {1, 4 * kUnits, kUnits}, f32, -0.5, 0.5)),
      .biases = g.variable("lstm/b", randomUniform(g, {1, 8 * kUnits}, f32, -0.5, 0.5))};
  const nn::RecurrentResult result = nn::lstm(g, x, weights);
  Value steps = squeeze(result.sequence, 1);
  Value logits = nn::dense(g, "out", steps, kWords).named("logits");
  g.entry("predict",
          {.feeds = {ids}, .fetches = {logits, {"hidden", result.hidden}, {"cell", result.cell}}, .targets = {}});
  return g.finish();
}

/// Two blocks of a GPT: layer norm, causal attention with heads, an MLP with gelu; batch and length are symbolic.
inline StatusOr<Graph> smallGpt() {
  GraphBuilder g("gpt");
  constexpr int64_t kWords = 17, kWidth = 16, kHeads = 4, kHeadWidth = kWidth / kHeads, kMaxLength = 32;
  const Dim batch = dim("batch"), length = g.dim("length", 1, kMaxLength);
  Value ids = g.placeholder("ids", i64, {batch, length});
  Value table = g.variable("wte", randomNormal(g, {kWords, kWidth}, f32, 0, 0.2));
  Value positions = g.variable("wpe", randomNormal(g, {kMaxLength, kWidth}, f32, 0, 0.2));
  Value x = gather(table, ids) + gather(positions, iota(g, {length}));
  Value later = greater(iota(g, {length, length}, 1), iota(g, {length, length}, 0));
  for (const char* block : {"h0", "h1"}) {
    auto scope = g.scope(block);
    Value normal = nn::layerNorm(g, "ln_1", x);
    Value joint = nn::dense(g, "attention", normal, 3 * kWidth);
    const auto heads = [&](int64_t part) {
      Value chosen = slice(joint, {0, 0, part * kWidth}, {batch, length, (part + 1) * kWidth});
      return transpose(reshape(chosen, {batch, length, kHeads, kHeadWidth}), {0, 2, 1, 3});
    };
    Value scores = matmul(heads(0), heads(1), false, true) * (1 / std::sqrt(static_cast<double>(kHeadWidth)));
    Value weights = softmax(select(later, -1e9, scores));
    Value mixed = reshape(transpose(matmul(weights, heads(2)), {0, 2, 1, 3}), {batch, length, kWidth});
    x = x + nn::dense(g, "project", mixed, kWidth);
    Value wide = nn::dense(g, "fc", nn::layerNorm(g, "ln_2", x), 4 * kWidth, [](Operand v) { return geluTanh(v); });
    x = x + nn::dense(g, "mlp", wide, kWidth);
  }
  Value logits = matmul(nn::layerNorm(g, "ln_f", x), table, false, true).named("logits");
  g.entry("predict", {.feeds = {ids}, .fetches = {logits}, .targets = {}});
  return g.finish();
}

/// Every kind of loop and branch, and a function that is called twice.
inline StatusOr<Graph> loopsAndBranches() {
  GraphBuilder g("loops");
  const Dim n = dim("n");
  Value x = g.placeholder("x", f32, {n, 3});
  Value count = g.placeholder("count", i64, {});
  g.function("twice", {{f32, Shape{dim("rows"), 3}}}, [](const Values& p) { return Values{p[0] * 2}; });
  Value doubled = g.call("twice", {g.call("twice", {x})[0]})[0];
  Value sums = scan(g, {g.constant(Tensor(f32, {3}))}, {x},
                    [](Value step, const Values& carries, const Values& rows) {
                      Value next = carries[0] + rows[0] * (cast(step, f32) + 1);
                      return std::pair(Values{next}, Values{next});
                    },
                    {.length = {}, .reverse = true})
                   .stacked[0];
  Value powers = forRange(g, 0, count, 1, {x}, [&](Value i, const Values& carries) {
    return Values{carries[0] * 1.5 + cast(i, f32) + reduceSum(doubled, {0})};
  })[0];
  const Values stepped = whileLoop(
      g, {g.scalar(1, f32)}, [](const Values& carries) { return less(carries[0], 20); },
      [](Value step, const Values& carries) { return Values{carries[0] * 3, carries[0] + cast(step, f32)}; },
      {.maxSteps = 5});
  Value chosen = ifElse(
      g, greater(count, 2),
      [&] {
        return Values{x + ifElse(g, greater(count, 3), [&] { return Values{x}; }, [&] { return Values{-x}; })[0]};
      },
      [&] { return Values{x * full(g, {n, 3}, 2)}; })[0];
  Value branch = switchCase(g, count,
                            {[&] { return Values{x}; }, [&] { return Values{tanh(x)}; }, [&] { return Values{x * x}; },
                             [&] { return Values{exp(x)}; }})[0];
  g.entry("predict", {.feeds = {x, count},
                      .fetches = {{"doubled", doubled},
                                  {"sums", sums},
                                  {"powers", powers},
                                  {"last", stepped[0]},
                                  {"steps", stepped[1]},
                                  {"chosen", chosen},
                                  {"branch", branch}},
                      .targets = {}});
  return g.finish();
}

/// All of them, each at two sizes.
inline StatusOr<std::vector<ExampleModel>> exampleModels() {
  std::vector<ExampleModel> models;
  KILN_ASSIGN_OR_RETURN(const Graph digits, digitsCnn());
  KILN_ASSIGN_OR_RETURN(const Graph lstm, lstmModel());
  KILN_ASSIGN_OR_RETURN(const Graph gpt, smallGpt());
  KILN_ASSIGN_OR_RETURN(const Graph loops, loopsAndBranches());
  for (const int64_t size : {1, 5}) {
    const std::string name = "_" + std::to_string(size);
    models.push_back({"digits_predict" + name, digits, "predict", {someNumbers({size, 64}, 0.1)}});
    models.push_back(
        {"digits_train" + name, digits, "train_step", {someNumbers({size, 64}, 0.1), someIndices(i32, {size}, 10)}});
    models.push_back({"lstm" + name, lstm, "predict", {someIndices(i64, {size + 3, size}, 11)}});
    models.push_back({"gpt" + name, gpt, "predict", {someIndices(i64, {size, size + 6}, 17)}});
    models.push_back(
        {"loops" + name, loops, "predict", {someNumbers({size, 3}, 0.2), Tensor::scalar<int64_t>(size % 4 + 1)}});
  }
  return models;
}

}  // namespace kiln::tests
