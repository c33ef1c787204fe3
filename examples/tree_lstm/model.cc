// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/tree_lstm/model.h"

#include <cmath>

#include "graph/nn/tree_lstm.h"

namespace tree_lstm {
namespace {

using kiln::Dim;
using kiln::f32;
using kiln::i32;
using kiln::i64;
using kiln::Tensor;
using kiln::TensorView;
using kiln::Value;
namespace nn = kiln::nn;

constexpr int64_t kArity = 2;

}  // namespace

kiln::StatusOr<kiln::Graph> buildModel(const ModelOptions& options) {
  const int64_t units = options.units, gates = (3 + kArity) * units;
  kiln::GraphBuilder g("tree_lstm");
  g.setSeed(options.seed);
  // With a range the compiler knows that there may be many more nodes than fit one block.
  const Dim nodes = g.dim("nodes", 1, 1 << 20), trees = kiln::dim("trees");
  const nn::BlockTables tables = nn::blockTables(g, "tree", options.width, kArity);
  Value tokens = g.placeholder("tokens", i64, {nodes});
  Value roots = g.placeholder("roots", i64, {trees});
  Value values = g.placeholder("values", i32, {trees});

  auto weight = [&](const char* name, kiln::Shape shape, double scale) {
    return g.variable(name, randomNormal(g, std::move(shape)) * scale);
  };
  Value tokenWeights = weight("tokens/w", {kNumTokens, gates}, 0.5);
  Value hiddenWeights = weight("hidden/w", {kArity * units, gates}, 1 / std::sqrt(2.0 * static_cast<double>(units)));
  const nn::TreeLstmWeights weights{tokenWeights, hiddenWeights};
  const std::vector<Value> states =
      nn::dynamicBatch(g, tables, nodes, {{units}, {units}}, {nn::treeLstmCell(weights, tokens, units, kArity)},
                       {.leaf = nn::treeLstmLeaf(weights, tokens, units)});

  Value logits = nn::dense(g, "value", gather(states[0], roots), 2);
  Value loss = reduceMean(softmaxCrossEntropy(logits, values)).named("loss");
  Value right = reduceMean(cast(equal(cast(argmax(logits, 1), i32), values), f32)).named("accuracy");
  kiln::Target step = kiln::optim::adam(g, {.learningRate = options.learningRate}).minimize(loss);

  const std::vector<kiln::NamedValue> feeds = {tables.kinds,  tables.reads, tables.writes, tables.children,
                                               tables.leaves, tokens,       roots,         values};
  g.entry("train", {.feeds = feeds, .fetches = {loss, right}, .targets = {step}});
  g.entry("evaluate", {.feeds = feeds, .fetches = {loss, right}, .targets = {}});
  return g.finish();
}

kiln::StatusOr<Runner> Runner::create(kiln::Session& session, const char* entry, int64_t width) {
  KILN_ASSIGN_OR_RETURN(kiln::Callable callable, session.prepareEntry(entry));
  return Runner(std::move(callable), width);
}

// Any number of expressions of any shape: the schedule says what is computed when, and the executable stays the same.
kiln::StatusOr<Runner::Result> Runner::run(const Expressions& expressions) {
  KILN_ASSIGN_OR_RETURN(nn::BlockSchedule schedule, nn::scheduleBlocks(expressions.structure, width_, kArity, kLeaf));
  const std::vector<int64_t> nodes = {expressions.structure.numNodes()};
  const std::vector<int64_t> trees = {static_cast<int64_t>(expressions.roots.size())};
  KILN_RETURN_IF_ERROR(callable_.run(
      {schedule.kinds, schedule.reads, schedule.writes, schedule.children, schedule.leaves,
       TensorView{i64, nodes, expressions.tokens.data()}, TensorView{i64, trees, expressions.roots.data()},
       TensorView{i32, trees, expressions.values.data()}},
      outputs_));
  return Result{outputs_[0].at(0), outputs_[1].at(0)};
}

}  // namespace tree_lstm
