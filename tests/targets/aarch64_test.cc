// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whole models on aarch64, under an emulator, against the same models in this process.
#include <cmath>
#include <cstring>

#include "compiler/jit/session.h"
#include "graph/eval/interpreter.h"
#include "graph/graph.h"
#include "graph/nn/convolution.h"
#include "graph/nn/normalization.h"
#include "gtest/gtest.h"
#include "tests/support/models.h"
#include "tests/targets/cross.h"

namespace kiln::targets {
namespace {

using ::kiln::testing::labels;
using ::kiln::testing::noiseTensor;

// Convolution, normalization by running statistics, and relu6 where `isActive`.
Value normalizedConv(GraphBuilder& g, const std::string& name, Value x, int64_t outputs, int64_t kernel, int64_t stride,
                     int64_t groups, bool isActive) {
  Value y = nn::conv(g, name, x, outputs, {kernel}, nullptr,
                     {.strides = {stride}, .padding = Padding::same(), .groups = groups, .useBias = false});
  y = nn::batchNorm(g, name + "/norm", y, {.isTraining = false}).result;
  return isActive ? minimum(relu(y), g.constant(Tensor::scalar(6.0f))) : y;
}

// MobileNetV2 (Sandler et al., 2018) with random weights: x [1, 224, 224, 3] to logits [1, 1000].
Graph mobileNetV2() {
  struct Row {
    int64_t expansion, channels, repeats, stride;
  };
  constexpr Row kRows[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                           {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  GraphBuilder g("mobilenet_v2");
  g.setSeed(3);
  Value x = g.placeholder("x", f32, {1, 224, 224, 3});
  Value h = normalizedConv(g, "stem", x, 32, 3, 2, 1, true);
  int64_t channels = 32;
  int block = 0;
  for (const Row& row : kRows) {
    for (int64_t i = 0; i < row.repeats; ++i) {
      const std::string name = "block" + std::to_string(block++);
      const int64_t stride = i == 0 ? row.stride : 1, wide = channels * row.expansion;
      Value y = row.expansion == 1 ? h : normalizedConv(g, name + "/expand", h, wide, 1, 1, 1, true);
      y = normalizedConv(g, name + "/depthwise", y, wide, 3, stride, wide, true);
      y = normalizedConv(g, name + "/project", y, row.channels, 1, 1, 1, false);
      h = stride == 1 && channels == row.channels ? h + y : y;
      channels = row.channels;
    }
  }
  h = normalizedConv(g, "head", h, 1280, 1, 1, 1, true);
  Value logits = nn::dense(g, "classifier", reduceMean(h, {1, 2}), 1000).named("logits");
  g.entry("predict", {.feeds = {x}, .fetches = {logits}, .targets = {}});
  return g.finish().value();
}

std::vector<Tensor> variablesOf(const EntryManifest& manifest, const Graph& graph, const VariableStore& store) {
  std::vector<Tensor> values;
  for (const VariableUse& use : manifest.variables) {
    const NodeId id = graph.variables()[static_cast<size_t>(use.variable)];
    values.push_back(*store.find(graph.body().node(id).name));
  }
  return values;
}

// As far as the largest of `wanted`; sums in another order and fused products differ in their last bits.
void expectNear(const Tensor& found, const Tensor& wanted, double relative) {
  ASSERT_EQ(found.dims(), wanted.dims());
  double largest = 0, error = 0;
  for (int64_t i = 0; i < wanted.numElements(); ++i) {
    largest = std::max(largest, std::fabs(wanted.at(i)));
    error = std::max(error, std::fabs(found.at(i) - wanted.at(i)));
    ASSERT_EQ(std::isnan(found.at(i)), std::isnan(wanted.at(i)));
  }
  EXPECT_GT(largest, 0);
  EXPECT_LE(error, relative * largest) << "of " << largest;
}

TEST(Aarch64, mobileNetV2PredictsAsInProcess) {
  const Graph graph = mobileNetV2();
  const VariableStore store = initialValues(graph).value();
  auto entry =
      ForeignEntry::make(Machine::aarch64(), graph, *graph.findEntry("predict"), compiler::NativeProfile::kBare);
  ASSERT_TRUE(entry.ok()) << entry.status();
  const Tensor x = noiseTensor(f32, {1, 224, 224, 3});
  auto found = (*entry)->run({{"x", x}}, variablesOf((*entry)->manifest(), graph, store));
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->status, 0);
  Session session = createSession(graph).value();
  auto wanted = session.runEntry("predict", {{"x", x}});
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  expectNear(found->fetches[0], wanted->at("logits"), 1e-5);
}

// The net of the digits example with filters, dropout and Adam.
Graph digits() {
  GraphBuilder g("digits");
  g.setSeed(1);
  Value x = g.placeholder("x", f32, {dim("batch"), 64});
  Value y = g.placeholder("y", i32, {dim("batch")});
  Value h = nn::conv(g, "conv1", reshape(x, {dim("batch"), 8, 8, 1}), 8, {3}, relu, {.padding = Padding::same()});
  h = nn::conv(g, "conv2", h, 16, {3}, relu, {.padding = Padding::same()});
  Value features = reshape(maxPool(h, {.kernel = {2}}), {dim("batch"), 4 * 4 * 16});
  Value logits = nn::dense(g, "out", nn::dropout(features, 0.5), 10);
  Value loss = reduceMean(softmaxCrossEntropy(logits, y)).named("loss");
  g.entry("train_step",
          {.feeds = {x, y}, .fetches = {loss}, .targets = {optim::adam(g, {.learningRate = 1e-2}).minimize(loss)}});
  return g.finish().value();
}

TEST(Aarch64, digitsTrainsAsInProcess) {
  const Graph graph = digits();
  const VariableStore store = initialValues(graph).value();
  auto entry =
      ForeignEntry::make(Machine::aarch64(), graph, *graph.findEntry("train_step"), compiler::NativeProfile::kBare);
  ASSERT_TRUE(entry.ok()) << entry.status();
  Session session = createSession(graph).value();
  std::vector<Tensor> variables = variablesOf((*entry)->manifest(), graph, store);
  const Tensor y = labels(32, 10);
  double first = 0, last = 0;
  for (int step = 0; step < 30; ++step) {
    // Images that tell their class, so that there is something to learn.
    Tensor x = noiseTensor(f32, {32, 64}, step);
    for (int64_t i = 0; i < 32; ++i) {
      x.set(i * 64 + static_cast<int64_t>(y.at(i)) * 6, 3.0);
    }
    auto found = (*entry)->run({{"x", x}, {"y", y}}, variables);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->status, 0);
    variables = std::move(found->variables);
    auto wanted = session.runEntry("train_step", {{"x", x}, {"y", y}});
    ASSERT_TRUE(wanted.ok()) << wanted.status();
    last = wanted->at("loss").at(0);
    first = step == 0 ? last : first;
    EXPECT_NEAR(found->fetches[0].at(0), last, 1e-4 * last) << "step " << step;
  }
  EXPECT_LT(last, 0.8 * first) << "nothing was learned, so little was compared";
}

TEST(Aarch64, faultsGiveTheStatusTheNodeAndTheNumbers) {
  GraphBuilder g("faults");
  Value x = g.placeholder("x", f32, {4, 3});
  Value index = g.placeholder("index", i64, {dim("n")});
  Value row = gather(x, index).named("row");
  g.entry("predict", {.feeds = {x, index}, .fetches = {row}, .targets = {}});
  const Graph graph = g.finish().value();
  auto entry =
      ForeignEntry::make(Machine::aarch64(), graph, *graph.findEntry("predict"), compiler::NativeProfile::kBare);
  ASSERT_TRUE(entry.ok()) << entry.status();
  auto good = (*entry)->run({{"x", noiseTensor(f32, {4, 3})}, {"index", Tensor::of<int64_t>({2}, {3, 0})}}, {});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->status, 0);
  auto bad = (*entry)->run({{"x", noiseTensor(f32, {4, 3})}, {"index", Tensor::of<int64_t>({2}, {3, 4})}}, {});
  ASSERT_TRUE(bad.ok()) << bad.status();
  EXPECT_EQ(bad->status, KILN_STATUS_INDEX_RANGE);
  EXPECT_EQ(bad->fault[1], 4);
  EXPECT_EQ(bad->fault[2], 4);
  ASSERT_GE(bad->fault[0], 0);
  EXPECT_EQ((*entry)->manifest().nodes[static_cast<size_t>(bad->fault[0])].name, "row");
}

}  // namespace
}  // namespace kiln::targets
