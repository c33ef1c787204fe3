// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One program for each thing that the reference interpreter refuses.
#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "tests/errors/expect_error.h"

namespace kiln {
namespace {

class EvalErrors : public testing::Test {
 protected:
  EvalErrors() {
    GraphBuilder g("model");
    auto x = g.placeholder("x", f32, {g.dim("batch", 1, 8), 3});
    auto y = g.placeholder("y", i32, {dim("batch")});
    auto w = g.variable("w", 2.0);
    auto loss = reduceSum(softmaxCrossEntropy(x * w, y));
    g.entry("loss", {.feeds = {x, y}, .fetches = {loss}});
    gradientLine = __LINE__ + 1;
    auto gradient = g.gradients({loss}, {w})[0];
    g.entry("grad", {.feeds = {x, y}, .fetches = {gradient}});
    graph = g.finish().value();
    store = initialValues(graph).value();
  }
  Status evaluate(const char* entry, const std::vector<TensorView>& feeds) {
    return Interpreter().evaluate(graph, *graph.findEntry(entry), feeds, store).status();
  }

  Graph graph;
  VariableStore store;
  int gradientLine = 0;
  Tensor x2 = Tensor(f32, {2, 3}), y2 = Tensor(i32, {2});
};

TEST_F(EvalErrors, AValidRunIsNoError) { EXPECT_TRUE(evaluate("loss", {x2, y2}).ok()); }

TEST_F(EvalErrors, G0301NumberOfFeeds) {
  expectError(evaluate("loss", {x2}), "G0301", {"1 feeds", "entry 'loss' has 2"});
}

TEST_F(EvalErrors, G0302DType) {
  expectError(evaluate("loss", {Tensor(f64, {2, 3}), y2}), "G0302", {"feed 'x'", "f64", "f32"});
}

TEST_F(EvalErrors, G0303Shape) {
  expectError(evaluate("loss", {Tensor(f32, {2, 4}), y2}), "G0303",
              {"feed 'x'", "[2, 4]", "[batch, 3]", "dimension 1 is 4, wanted 3"});
  expectError(evaluate("loss", {Tensor(f32, {2}), y2}), "G0303", {"feed 'x'", "[2]", "[batch, 3]", "rank 1"});
}

TEST_F(EvalErrors, G0303OneSymbolWithTwoLengths) {
  expectError(evaluate("loss", {x2, Tensor(i32, {5})}), "G0303",
              {"feed 'y'", "[5]", "[batch]", "wanted 2 (batch of feed 'x')"});
}

TEST_F(EvalErrors, G0305Range) {
  expectError(evaluate("loss", {Tensor(f32, {9, 3}), Tensor(i32, {9})}), "G0305", {"'batch'", "9", "[1, 8]"});
}

TEST_F(EvalErrors, G0306VariableWithoutAValue) {
  store = VariableStore();
  expectError(evaluate("loss", {x2, y2}), "G0306", {"variable 'w'", "eval_errors_test.cc:"});
}

TEST_F(EvalErrors, G0307Gradients) {
  expectError(evaluate("grad", {x2, y2}), "G0307",
              {"eval_errors_test.cc:" + std::to_string(gradientLine), "kiln.gradients"});
}

TEST_F(EvalErrors, G0308VariableOfAnotherType) {
  store.set("w", Tensor(f64, {2}));
  expectError(evaluate("loss", {x2, y2}), "G0308", {"variable 'w'", "f64[2]", "f32[]"});
}

}  // namespace
}  // namespace kiln
