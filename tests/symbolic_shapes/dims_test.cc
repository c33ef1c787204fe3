// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Lengths that are functions of symbols, through graph file, compiler and run, against the reference interpreter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/eval/interpreter.h"
#include "graph/io/graph_io.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using ::testing::HasSubstr;
using testing::noiseTensor;

// Compares the compiled entry `run` with the interpreter, value by value.
void expectAsInterpreted(const Graph& graph, Callable& callable, const std::vector<Tensor>& feeds,
                         const std::string& what) {
  std::vector<TensorView> views(feeds.begin(), feeds.end());
  auto values = initialValues(graph);
  ASSERT_TRUE(values.ok()) << values.status();
  auto wanted = Interpreter().evaluate(graph, *graph.findEntry("run"), views, *values);
  ASSERT_TRUE(wanted.ok()) << what << ": " << wanted.status();
  std::vector<Tensor> found;
  Status status = callable.run(views, found);
  ASSERT_TRUE(status.ok()) << what << ": " << status;
  ASSERT_EQ(found.size(), wanted->size());
  for (size_t i = 0; i < found.size(); ++i) {
    const Tensor& w = (*wanted)[i];
    ASSERT_EQ(found[i].dims(), w.dims()) << what;
    for (int64_t k = 0; k < w.numElements(); ++k) {
      ASSERT_NEAR(found[i].at(k), w.at(k), 1e-5) << what << ", fetch " << i << ", element " << k;
    }
  }
}

// Builds, sends the graph through its file form, compiles once, and runs it for each length of axis 0 of x.
void expectRight(const std::function<std::vector<Value>(GraphBuilder&, Value)>& build, Shape shape,
                 const std::vector<int64_t>& lengths) {
  GraphBuilder g("lengths");
  const Value x = g.placeholder("x", f32, shape);
  std::vector<NamedValue> fetches;
  std::vector<Value> values = build(g, x);
  for (size_t i = 0; i < values.size(); ++i) {
    fetches.emplace_back("y" + std::to_string(i), values[i]);
  }
  g.entry("run", {.feeds = {x}, .fetches = fetches, .targets = {}});
  auto built = g.finish();
  ASSERT_TRUE(built.ok()) << built.status();
  auto graph = graphFromProto(graphToProto(*built, {.isSelfContained = true}).def);
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto session = createSession(*graph, {.specializeAfter = 0});
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("run");
  ASSERT_TRUE(callable.ok()) << callable.status();
  for (int64_t length : lengths) {
    std::vector<int64_t> dims;
    for (const Dim& d : shape) {
      dims.push_back(d.evaluate([&](std::string_view) { return length; }));
    }
    expectAsInterpreted(*graph, *callable, {noiseTensor(f32, dims)}, "length " + std::to_string(length));
  }
  EXPECT_EQ(session->statistics().compilations, 1);
}

const std::vector<int64_t> kLengths = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 33, 100};

TEST(SymbolicDims, StridedSlicesOfAnyLength) {
  expectRight(
      [](GraphBuilder&, Value x) {
        Value y = slice(x, {0, 0}, x.shape(), {2, 1});
        Value z = slice(x, {0, 1}, x.shape(), {3, 2});
        return std::vector<Value>{y, z, tanh(y) + 1, reduceSum(y, {0})};
      },
      {dim("n"), 5}, kLengths);
}

TEST(SymbolicDims, HalvesOfASequence) {
  expectRight(
      [](GraphBuilder&, Value x) {
        const Dim half = Dim::floorDiv(dim("n"), 2);
        Value low = slice(x, {0, 0}, {half, 3}), high = slice(x, {half, 0}, {Dim(2) * half, 3});
        return std::vector<Value>{low * high, concat({high, low}, 0)};
      },
      {dim("n"), 3}, kLengths);
}

TEST(SymbolicDims, PaddingUpToAMultipleOrAMinimum) {
  expectRight(
      [](GraphBuilder& g, Value x) {
        const Dim n = dim("n"), whole = Dim(4) * Dim::ceilDiv(n, 4);
        Value zero = g.scalar(0.0, f32);
        Value blocks = reshape(pad(x, zero, {0, 0}, {whole - n, 0}), {Dim::ceilDiv(n, 4), 4, 3});
        Value atLeast = pad(x, zero, {0, 0}, {Dim::max(n, 4) - n, 0});
        return std::vector<Value>{reduceSum(blocks, {1}), atLeast, reduceMax(atLeast, {0})};
      },
      {dim("n"), 3}, kLengths);
}

TEST(SymbolicDims, PoolingWithAStrideThatDoesNotDivide) {
  expectRight(
      [](GraphBuilder&, Value x) {
        return std::vector<Value>{avgPool(expandDims(x, 0), {.kernel = {2}, .strides = {2}, .layout = "NWC"})};
      },
      {dim("n"), 3}, kLengths);
}

TEST(SymbolicDims, ConvolutionWithAStrideThatDoesNotDivide) {
  expectRight(
      [](GraphBuilder& g, Value x) {
        Value filter = g.constant(noiseTensor(f32, {3, 3, 4}, 1));
        Value y =
            conv(expandDims(x, 0), filter, {.strides = {2}, .padding = 1, .layout = "NWC", .filterLayout = "WIO"});
        return std::vector<Value>{y, reshape(y, {Dim::ceilDiv(dim("n"), 2), 4}), relu(y) * 2};
      },
      {dim("n"), 3}, kLengths);
}

TEST(SymbolicDims, LengthsThatOnlyAnExpressionTells) {
  expectRight([](GraphBuilder&, Value x) { return std::vector<Value>{reduceSum(reshape(x, {dim("n"), 2, 3}), {1})}; },
              {Dim(2) * dim("n"), 3}, kLengths);
  expectRight([](GraphBuilder&, Value x) { return std::vector<Value>{slice(x, {1}, {dim("n") + 1})}; },
              {Dim(3) * dim("n") + 1}, kLengths);
}

TEST(SymbolicDims, MatmulOfLengthsThatAreFunctions) {
  expectRight(
      [](GraphBuilder&, Value x) {
        Value y = slice(x, {0, 0}, x.shape(), {2, 1});
        return std::vector<Value>{matmul(y, transpose(y)), matmul(transpose(y), y)};
      },
      {dim("n"), 6}, kLengths);
}

TEST(SymbolicDims, GradientsOfStridedConvolutionsOfAnyLength) {
  GraphBuilder g("gradient");
  const Value x = g.placeholder("x", f32, {1, dim("n"), 2});
  const Value filter = g.constant(noiseTensor(f32, {3, 2, 4}, 1));
  const Value y = conv(x, filter, {.strides = {2}, .padding = 1, .layout = "NWC", .filterLayout = "WIO"});
  const auto gradients = g.gradients({reduceSum(y * y)}, {x, filter});
  g.entry("run", {.feeds = {x}, .fetches = {{"dx", gradients[0]}, {"df", gradients[1]}}, .targets = {}});
  auto graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto session = createSession(*graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("run");
  ASSERT_TRUE(callable.ok()) << callable.status();
  for (int64_t n : {1, 2, 5, 6, 9}) {
    // The same with the length in numbers.
    GraphBuilder s("static");
    const Value sx = s.placeholder("x", f32, {1, n, 2});
    const Value sf = s.constant(noiseTensor(f32, {3, 2, 4}, 1));
    const Value sy = conv(sx, sf, {.strides = {2}, .padding = 1, .layout = "NWC", .filterLayout = "WIO"});
    const auto wanted = s.gradients({reduceSum(sy * sy)}, {sx, sf});
    s.entry("run", {.feeds = {sx}, .fetches = {{"dx", wanted[0]}, {"df", wanted[1]}}, .targets = {}});
    auto exact = createSession(s.finish().value());
    ASSERT_TRUE(exact.ok()) << exact.status();
    const Tensor feed = noiseTensor(f32, {1, n, 2});
    std::vector<Tensor> a, b;
    ASSERT_TRUE(callable->run({feed}, a).ok());
    ASSERT_TRUE(exact->prepareEntry("run")->run({feed}, b).ok());
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(a[i].dims(), b[i].dims());
      for (int64_t k = 0; k < a[i].numElements(); ++k) {
        EXPECT_NEAR(a[i].at(k), b[i].at(k), 1e-5) << "n = " << n;
      }
    }
  }
}

TEST(SymbolicDims, EqualLengthsAreProvenAndOthersNamed) {
  GraphBuilder g("equal");
  const Value x = g.placeholder("x", f32, {dim("n")}), y = g.placeholder("y", f32, {Dim::ceilDiv(dim("n"), 2)});
  const Value half = slice(x, {0}, {dim("n")}, {2});
  EXPECT_EQ((half + y).shape().toString(), "[floor_div(n+1, 2)]");
  add(x, y);
  auto graph = g.finish();
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(std::string(graph.status().message()), HasSubstr("floor_div(n+1, 2)"));
}

TEST(SymbolicDims, ThePlanTellsTheLargestArena) {
  const auto planOf = [](int64_t max) {
    GraphBuilder g("arena");
    if (max > 0) {
      g.dim("batch", 1, max);
    }
    const Value x = g.placeholder("x", f32, {dim("batch"), 64});
    const Value w = g.constant(noiseTensor(f32, {64, 64}));
    g.entry("run", {.feeds = {x}, .fetches = {{"y", matmul(tanh(matmul(tanh(matmul(x, w)), w)), w)}}, .targets = {}});
    Graph graph = g.finish().value();
    compiler::CompileReport report;
    EXPECT_TRUE(compiler::compileEntry(graph, *graph.findEntry("run"), {}, &report).ok());
    return report.plan;
  };
  EXPECT_THAT(planOf(32), HasSubstr("256*batch"));
  EXPECT_THAT(planOf(32), HasSubstr("bytes, for batch in [1, 32]"));
  EXPECT_THAT(planOf(0), HasSubstr("largest arena: not bounded, as no range bounds batch"));
}

}  // namespace
}  // namespace kiln
