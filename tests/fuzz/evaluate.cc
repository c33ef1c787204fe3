// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/fuzz/evaluate.h"

#include <gtest/gtest.h>

#include "graph/eval/interpreter.h"

namespace kiln::fuzz {
namespace {

// The elements of everything that a graph computes when each symbol is `length`; nothing when they are too many for a
// test.
bool isSmall(const Graph& graph, int64_t length) {
  constexpr int64_t kMostElements = 10000;
  auto isBodySmall = [&](const Body& body) {
    for (const Node& node : body.nodes) {
      for (const ValueType& type : node.outputs) {
        std::vector<int64_t> dims;
        for (const Dim& dim : type.shape) {
          dims.push_back(dim.evaluate([&](std::string_view) { return length; }));
        }
        auto count = checkedNumElements(dims);
        if (!count || *count > kMostElements) {
          return false;
        }
      }
    }
    return true;
  };
  bool isSmall = isBodySmall(graph.body());
  for (const auto& [name, function] : graph.functions()) {
    isSmall = isSmall && isBodySmall(function.body);
  }
  return isSmall;
}

}  // namespace

int evaluate(const Graph& graph) {
  constexpr int64_t kLength = 2;
  // Functions may be called with longer arguments.
  if (!isSmall(graph, kLength) || !isSmall(graph, 8 * kLength)) {
    return 0;
  }
  VariableStore variables;
  for (NodeId id : graph.variables()) {
    const Node& node = graph.body().node(id);
    variables.set(node.name, Tensor(node.outputs[0].dtype, node.outputs[0].shape.staticDims()));
  }
  int numEvaluated = 0;
  for (const Entry& entry : graph.entries()) {
    std::vector<Tensor> feeds;
    for (const Port& feed : entry.feeds) {
      const ValueType& type = graph.body().type(feed.value);
      std::vector<int64_t> dims;
      for (const Dim& dim : type.shape) {
        dims.push_back(dim.evaluate([&](std::string_view) { return kLength; }));
      }
      feeds.emplace_back(type.dtype, dims);
    }
    // Loops of a damaged graph may have no end.
    const Interpreter interpreter({.cancel = nullptr, .deadline = std::chrono::milliseconds(300)});
    auto fetched = interpreter.evaluate(graph, entry, {feeds.begin(), feeds.end()}, variables);
    EXPECT_TRUE(fetched.ok() || errorIdOf(fetched.status()).has_value()) << fetched.status();
    numEvaluated += fetched.ok() ? 1 : 0;
  }
  return numEvaluated;
}

}  // namespace kiln::fuzz
