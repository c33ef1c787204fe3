// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tree_lstm_256: the loss of 256 random trees and its gradients by a Tree-LSTM, for all trees together and for one tree
// at a time. Both are the same graph, compiled and scheduled alike, in sessions with the same options: together, blocks
// hold nodes of all trees; at a time, a run computes one tree and adds its loss and gradients to those of the trees
// before. `speedup` is over one tree at a time with blocks of one node, which is what dynamic batching replaces: a loop
// over the nodes of a tree. `speedup_over_best_single` is over the best of several widths within one tree.
#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>

#include "compiler/jit/session.h"
#include "graph/nn/tree_lstm.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"

namespace kiln::bench {
namespace {

constexpr int64_t kArity = 2, kTokens = 32, kClasses = 8;
constexpr int kMinNodes = 5, kMaxNodes = 60;
constexpr int32_t kInner = 0, kLeaf = 1;  // kinds of nodes

// One example or many: a structure, a token for each node, and the roots with their classes.
struct Trees {
  nn::Structure structure;
  std::vector<int64_t> tokens, roots;
  std::vector<int32_t> labels;
};

// A random binary tree of `size` nodes, where some nodes have one child. Returns the root.
int64_t addTree(std::mt19937& random, int size, Trees& trees) {
  std::vector<int64_t> children;
  if (size > 1) {
    const int left = size == 2 ? 1 : 1 + static_cast<int>(random() % static_cast<unsigned>(size - 2));
    children.push_back(addTree(random, left, trees));
    if (size - 1 - left > 0) {
      children.push_back(addTree(random, size - 1 - left, trees));
    }
  }
  trees.tokens.push_back(static_cast<int64_t>(random() % kTokens));
  return trees.structure.add(children.empty() ? kLeaf : kInner, children);
}

Trees tree(std::mt19937& random) {
  Trees trees;
  const int size = kMinNodes + static_cast<int>(random() % (kMaxNodes - kMinNodes + 1));
  trees.roots.push_back(addTree(random, size, trees));
  trees.labels.push_back(static_cast<int32_t>(random() % kClasses));
  return trees;
}

Trees joined(const std::vector<Trees>& parts) {
  Trees all;
  for (const Trees& part : parts) {
    const int64_t first = all.structure.numNodes();
    const auto shifted = [first](int64_t node) { return node + first; };
    for (size_t i = 0; i < part.structure.kinds.size(); ++i) {
      std::vector<int64_t> children(part.structure.children.begin() + part.structure.firstChild[i],
                                    part.structure.children.begin() + part.structure.firstChild[i + 1]);
      std::ranges::transform(children, children.begin(), shifted);
      all.structure.add(part.structure.kinds[i], children);
    }
    std::ranges::transform(part.roots, std::back_inserter(all.roots), shifted);
    all.tokens.insert(all.tokens.end(), part.tokens.begin(), part.tokens.end());
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
  }
  return all;
}

// Sum of the cross entropies at the roots, and its gradients for all weights; `isSummed`: added to what is fed.
StatusOr<Graph> treeLstm(int64_t width, int64_t units, bool isSummed) {
  GraphBuilder g("tree_lstm");
  // With a range the compiler knows which of a loop's values are large.
  const Dim nodes = g.dim("nodes", 1, 1 << 20);
  nn::BlockTables tables = nn::blockTables(g, "tree", width, kArity);
  Value tokens = g.placeholder("tokens", i64, {nodes});
  Value roots = g.placeholder("roots", i64, {dim("trees")});
  Value labels = g.placeholder("labels", i32, {dim("trees")});
  Value table = g.placeholder("token_weights", f32, {kTokens, (3 + kArity) * units});
  Value hidden = g.placeholder("hidden_weights", f32, {kArity * units, (3 + kArity) * units});
  Value output = g.placeholder("output_weights", f32, {units, kClasses});
  const nn::TreeLstmWeights weights{table, hidden};
  const std::vector<Value> states =
      nn::dynamicBatch(g, tables, nodes, {{units}, {units}}, {nn::treeLstmCell(weights, tokens, units, kArity)},
                       {.leaf = nn::treeLstmLeaf(weights, tokens, units)});
  Value logits = matmul(gather(states[0], roots), output);
  Value loss = reduceSum(softmaxCrossEntropy(logits, labels), {0});
  std::vector<Value> results = g.gradients({loss}, {table, hidden, output});
  results.insert(results.begin(), loss);
  std::vector<NamedValue> feeds = {tables.kinds, tables.reads, tables.writes, tables.children, tables.leaves, tokens,
                                   roots,        labels,       table,         hidden,          output};
  const char* const names[] = {"loss", "d_token_weights", "d_hidden_weights", "d_output_weights"};
  std::vector<NamedValue> fetches;
  for (size_t i = 0; i < results.size(); ++i) {
    if (isSummed) {
      Value before = g.placeholder(std::string("before/") + names[i], f32, results[i].shape());
      feeds.push_back(before);
      results[i] = before + results[i];
    }
    fetches.push_back({names[i], results[i]});
  }
  g.entry("run", {.feeds = feeds, .fetches = fetches, .targets = {}});
  return g.finish();
}

Tensor randomTensor(std::mt19937& random, std::vector<int64_t> dims, float scale) {
  Tensor tensor(f32, std::move(dims));
  std::normal_distribution<float> normal(0, scale);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    tensor.mutableData<float>()[i] = normal(random);
  }
  return tensor;
}

struct Weights {
  Weights(std::mt19937& random, int64_t units)
      : tokens(randomTensor(random, {kTokens, (3 + kArity) * units}, 0.5f)),
        hidden(randomTensor(random, {kArity * units, (3 + kArity) * units}, 1 / std::sqrt(2.0f * units))),
        output(randomTensor(random, {units, kClasses}, 1 / std::sqrt(1.0f * units))) {}
  Tensor tokens, hidden, output;
};

// An executable for any trees, in blocks of one width.
class Model {
 public:
  static StatusOr<Model> create(int64_t width, int64_t units, int threads, bool isSummed) {
    KILN_ASSIGN_OR_RETURN(Graph graph, treeLstm(width, units, isSummed));
    KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, {.threads = threads}));
    KILN_ASSIGN_OR_RETURN(Callable callable, session.prepareEntry("run"));
    Model model(width, std::move(session), std::move(callable));
    if (isSummed) {
      const int64_t gates = (3 + kArity) * units;
      for (const std::vector<int64_t>& dims :
           {std::vector<int64_t>{}, {kTokens, gates}, {kArity * units, gates}, {units, kClasses}}) {
        model.zeros_.emplace_back(f32, dims);
      }
    }
    return model;
  }

  // The loss and the gradients of these trees, all in one run.
  Status run(const Trees& trees, const Weights& weights) { return run(trees, weights, {}); }

  // The same of one tree after another, for a model that is summed.
  Status runEach(const std::vector<Trees>& parts, const Weights& weights) {
    std::vector<Tensor>* before = &zeros_;
    for (const Trees& part : parts) {
      KILN_RETURN_IF_ERROR(run(part, weights, *before));
      std::swap(outputs_, before_);
      before = &before_;
    }
    std::swap(outputs_, before_);
    return Status();
  }
  const std::vector<Tensor>& outputs() const { return outputs_; }

 private:
  Model(int64_t width, Session session, Callable callable)
      : width_(width), session_(std::move(session)), callable_(std::move(callable)) {}

  // Schedules and runs.
  Status run(const Trees& trees, const Weights& weights, const std::vector<Tensor>& before) {
    KILN_ASSIGN_OR_RETURN(nn::BlockSchedule schedule, nn::scheduleBlocks(trees.structure, width_, kArity, kLeaf));
    const auto vectorOf = [](const auto& values, DType dtype, const std::vector<int64_t>& dims) {
      return TensorView{dtype, dims, values.data()};
    };
    const std::vector<int64_t> nodes = {trees.structure.numNodes()};
    const std::vector<int64_t> roots = {static_cast<int64_t>(trees.roots.size())};
    std::vector<TensorView> feeds = {schedule.kinds,
                                     schedule.reads,
                                     schedule.writes,
                                     schedule.children,
                                     schedule.leaves,
                                     vectorOf(trees.tokens, i64, nodes),
                                     vectorOf(trees.roots, i64, roots),
                                     vectorOf(trees.labels, i32, roots),
                                     weights.tokens,
                                     weights.hidden,
                                     weights.output};
    feeds.insert(feeds.end(), before.begin(), before.end());
    return callable_.run(feeds, outputs_);
  }

  int64_t width_;
  Session session_;
  Callable callable_;
  std::vector<Tensor> outputs_, before_, zeros_;
};

// All trees together against one after another, of the loss and of every gradient.
StatusOr<Verification> compareModels(Model& together, Model& single, const std::vector<Trees>& parts,
                                     const Weights& weights) {
  KILN_RETURN_IF_ERROR(together.run(joined(parts), weights));
  KILN_RETURN_IF_ERROR(single.runEach(parts, weights));
  return compare(together.outputs(), single.outputs());
}

// Seconds of the median of three calls after a first one: what is there for comparison need not be measured for long.
StatusOr<double> measureShortly(const std::function<Status()>& call) {
  KILN_RETURN_IF_ERROR(call());
  std::array<double, 3> times{};
  for (double& time : times) {
    const double start = now();
    KILN_RETURN_IF_ERROR(call());
    time = now() - start;
  }
  std::ranges::sort(times);
  return times[1];
}

std::vector<Trees> forest(std::mt19937& random, int count) {
  std::vector<Trees> parts;
  for (int i = 0; i < count; ++i) {
    parts.push_back(tree(random));
  }
  return parts;
}

}  // namespace

StatusOr<Fields> measureTrees(const SpecialOptions& options) {
  constexpr int kTrees = 256;
  // The upper end of what is usual. One node at a time reads all weights, here 2.5 MiB, from beyond the second-level
  // cache to multiply a single row by them; a block reads them once for all its rows. The smaller the state, the less
  // there is to gain, since compiled loops have next to no cost per step that batching could save.
  constexpr int64_t kUnits = 256, kWidth = 64;
  std::mt19937 random(7);
  const std::vector<Trees> parts = forest(random, kTrees);
  const Weights weights(random, kUnits);
  const Trees all = joined(parts);
  // Products with one row are too small to share among threads, those with a block are not: that is part of what
  // batching gives, so both sides may use all cores (SpecialWorkload::usesAllCores).
  const int threads = options.threads;
  KILN_ASSIGN_OR_RETURN(Model together, Model::create(kWidth, kUnits, threads, /*isSummed=*/false));
  KILN_ASSIGN_OR_RETURN(Timing batched, measure([&] { return together.run(all, weights); }, options.seconds));
  Fields fields = {{"speedup", 0}, {"speedup_over_best_single", 0}, {"median_s", batched.median}};
  double nodeByNode = 0, best = 1e30;
  // One tree has few nodes of a depth; which width does best is tried.
  for (const int64_t width : {1, 4, 16}) {
    KILN_ASSIGN_OR_RETURN(Model single, Model::create(width, kUnits, threads, /*isSummed=*/true));
    KILN_ASSIGN_OR_RETURN(Verification check, compareModels(together, single, parts, weights));
    if (!check.isEqual) {
      return makeError<ErrorId::kC0705>("tree_lstm_256",
                                        "a batch and single trees differ by " + std::to_string(check.maxError));
    }
    const auto call = [&] { return single.runEach(parts, weights); };
    double median = 0;
    if (width == 1) {
      KILN_ASSIGN_OR_RETURN(Timing timing, measure(call, options.seconds));
      nodeByNode = median = timing.median;
    } else {
      KILN_ASSIGN_OR_RETURN(median, measureShortly(call));
    }
    fields.push_back({"single_width_" + std::to_string(width) + "_s", median});
    best = std::min(best, median);
  }
  fields[0].second = nodeByNode / batched.median;
  fields[1].second = best / batched.median;
  fields.push_back({"units", static_cast<double>(kUnits)});
  fields.push_back({"nodes", static_cast<double>(all.structure.numNodes())});
  return fields;
}

StatusOr<Verification> verifyTrees(int threads) {
  std::mt19937 random(7);
  const std::vector<Trees> parts = forest(random, 6);
  const Weights weights(random, 16);
  KILN_ASSIGN_OR_RETURN(Model together, Model::create(8, 16, threads, /*isSummed=*/false));
  KILN_ASSIGN_OR_RETURN(Model single, Model::create(1, 16, threads, /*isSummed=*/true));
  return compareModels(together, single, parts, weights);
}

}  // namespace kiln::bench
