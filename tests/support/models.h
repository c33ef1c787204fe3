// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Graphs that the end-to-end tests run, and values to feed them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace kiln::testing {

/// A two-layer perceptron, x [batch, 8] and labels y [batch]: entries `train_step` (fetch loss, momentum update) and
/// `predict`.
inline Graph mlp(DType dtype = f32) {
  GraphBuilder g("mlp");
  auto x = g.placeholder("x", dtype, {dim("batch"), 8});
  auto y = g.placeholder("y", i32, {dim("batch")});
  auto hidden = nn::dense(g, "hidden", x, 16, [](Operand v) { return tanh(v); });
  auto logits = nn::dense(g, "out", hidden, 4).named("logits");
  auto loss = reduceMean(softmaxCrossEntropy(logits, y)).named("loss");
  auto step = optim::momentum(g, {.learningRate = 0.1, .momentum = 0.9}).minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  return g.finish().value();
}

/// Numbers in [-1, 1) that look random and are always the same.
inline double noise(int64_t i, int64_t seed = 0) {
  uint64_t z = static_cast<uint64_t>(i + 1) * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(seed) * 0xD1B54A32D192ED03u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<double>((z ^ (z >> 31)) >> 11) / 4503599627370496.0 - 1.0;
}

inline Tensor noiseTensor(DType dtype, std::vector<int64_t> dims, int64_t seed = 0) {
  Tensor t(dtype, std::move(dims));
  for (int64_t i = 0; i < t.numElements(); ++i) {
    t.set(i, noise(i, seed));
  }
  return t;
}

/// Class numbers below `classes`.
inline Tensor labels(int64_t count, int classes) {
  Tensor t(i32, {count});
  for (int64_t i = 0; i < count; ++i) {
    t.set(i, static_cast<double>((i * 7 + 3) % classes));
  }
  return t;
}

}  // namespace kiln::testing
