// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Graphs for the tests of reading and writing.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

inline Node makeTestNode(std::string name, const char* op, std::vector<ValueRef> inputs, Attributes attributes = {},
                         int line = 0) {
  Node node;
  node.name = std::move(name);
  node.op = findOp(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.location = line == 0 ? SourceLocation{} : SourceLocation{internString("model.cc"), line};
  return node;
}

/// A tensor of `n` different floats.
inline TensorPtr floats(std::vector<int64_t> dims, float first) {
  Tensor tensor(f32, std::move(dims));
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.set(i, first + static_cast<double>(i));
  }
  return std::make_shared<const Tensor>(std::move(tensor));
}

/// Has every kind of attribute, symbolic shapes, a function, two entries, a range, weights, and a large and a small
/// constant.
inline GraphData testGraphData() {
  GraphData data;
  data.name = "test";
  Function& square = data.functions["square"];
  square.name = "square";
  square.body.nodes = {makeTestNode("a", "placeholder", {}, {{"dtype", f32}, {"shape", Shape{dim("n"), 4}}}),
                       makeTestNode("aa", "mul", {{0, 0}, {0, 0}}, {}, 12)};
  square.parameters = {{0, 0}};
  square.results = {{1, 0}, {0, 0}};
  data.body.nodes = {
      makeTestNode("x", "placeholder", {}, {{"dtype", f32}, {"shape", Shape{dim("batch"), 3}}}, 1),
      makeTestNode("layer/w", "variable", {}, {{"dtype", f32}, {"shape", Shape{3, 4}}}, 2),
      makeTestNode("layer/xw", "matmul", {{0, 0}, {1, 0}}, {{"transpose_a", false}}, 3),
      makeTestNode("squared", "call", {{2, 0}}, {{"callee", std::string("square")}}, 4),
      makeTestNode("small", "constant", {}, {{"value", floats({3, 4}, 1)}}, 5),
      makeTestNode("large", "constant", {}, {{"value", floats({400, 4}, 2)}}, 6),
      makeTestNode("sum", "reduce_sum", {{3, 1}}, {{"axes", std::vector<int64_t>{1}}, {"keep_dims", true}}, 7),
      makeTestNode("set_w", "assign", {{1, 0}, {4, 0}}, {}, 8),
      makeTestNode("step", "group", {{7, 0}}, {}, 9),
  };
  data.body.nodes[2].device = "cpu";
  data.entries = {
      {"predict", {{"input", {0, 0}}}, {{"sum", {6, 0}}, {"squares", {3, 0}}}, {}, {internString("main.cc"), 20}},
      {"train_step", {}, {}, {8}, {}}};
  data.symbols["batch"] = {1, 512};
  data.weights["layer/w"] = floats({3, 4}, 0.5f);
  return data;
}

}  // namespace kiln
