// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tree_lstm_256: a Tree-LSTM, forward and backward, for all trees of a batch together and for one tree at a time.
#include <algorithm>
#include <cmath>
#include <random>

#include "compiler/jit/session.h"
#include "graph/nn/tree_lstm.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"

namespace kiln::bench {
namespace {

constexpr int64_t kArity = 2, kTokens = 32, kClasses = 8;
constexpr int kMinNodes = 5, kMaxNodes = 60;

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
  return trees.structure.add(0, children);
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

// Sum of the cross entropies at the roots, and its gradients for all weights.
StatusOr<Graph> treeLstm(int64_t width, int64_t units) {
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
  const std::vector<Value> states = nn::dynamicBatch(g, tables, nodes, {{units}, {units}},
                                                     {nn::treeLstmCell({table, hidden}, tokens, units, kArity)});
  Value logits = matmul(gather(states[0], roots), output);
  Value loss = reduceSum(softmaxCrossEntropy(logits, labels), {0}).named("loss");
  const std::vector<Value> gradients = g.gradients({loss}, {table, hidden, output});
  g.entry("run", {.feeds = {tables.kinds, tables.reads, tables.writes, tables.children, tokens, roots, labels, table,
                            hidden, output},
                  .fetches = {loss,
                              {"d_token_weights", gradients[0]},
                              {"d_hidden_weights", gradients[1]},
                              {"d_output_weights", gradients[2]}},
                  .targets = {}});
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
  static StatusOr<Model> create(int64_t width, int64_t units, int threads) {
    KILN_ASSIGN_OR_RETURN(Graph graph, treeLstm(width, units));
    KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, {.threads = threads}));
    KILN_ASSIGN_OR_RETURN(Callable callable, session.prepareEntry("run"));
    return Model(width, std::move(session), std::move(callable));
  }

  // Schedules and runs.
  Status run(const Trees& trees, const Weights& weights) {
    KILN_ASSIGN_OR_RETURN(nn::BlockSchedule schedule, nn::scheduleBlocks(trees.structure, width_, kArity));
    const auto vectorOf = [](const auto& values, DType dtype, const std::vector<int64_t>& dims) {
      return TensorView{dtype, dims, values.data()};
    };
    const std::vector<int64_t> nodes = {trees.structure.numNodes()};
    const std::vector<int64_t> roots = {static_cast<int64_t>(trees.roots.size())};
    return callable_.run({schedule.kinds, schedule.reads, schedule.writes, schedule.children,
                          vectorOf(trees.tokens, i64, nodes), vectorOf(trees.roots, i64, roots),
                          vectorOf(trees.labels, i32, roots), weights.tokens, weights.hidden, weights.output},
                         outputs_);
  }
  const std::vector<Tensor>& outputs() const { return outputs_; }

 private:
  Model(int64_t width, Session session, Callable callable)
      : width_(width), session_(std::move(session)), callable_(std::move(callable)) {}
  int64_t width_;
  Session session_;
  Callable callable_;
  std::vector<Tensor> outputs_;
};

void addTo(std::vector<Tensor>& sums, const std::vector<Tensor>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (sums.size() <= i) {
      sums.push_back(Tensor(f64, values[i].dims()));
    }
    for (int64_t e = 0; e < values[i].numElements(); ++e) {
      sums[i].set(e, sums[i].at(e) + values[i].at(e));
    }
  }
}

// All trees together against the sum over single trees, of the loss and of every gradient.
StatusOr<Verification> compareModels(Model& together, Model& single, const std::vector<Trees>& parts,
                                     const Weights& weights) {
  KILN_RETURN_IF_ERROR(together.run(joined(parts), weights));
  std::vector<Tensor> sums;
  for (const Trees& part : parts) {
    KILN_RETURN_IF_ERROR(single.run(part, weights));
    addTo(sums, single.outputs());
  }
  std::vector<Tensor> rounded;
  for (const Tensor& sum : sums) {
    Tensor& tensor = rounded.emplace_back(f32, sum.dims());
    for (int64_t i = 0; i < sum.numElements(); ++i) {
      tensor.set(i, sum.at(i));
    }
  }
  return compare(together.outputs(), rounded);
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
  constexpr int64_t kUnits = 128, kWidth = 128;
  std::mt19937 random(7);
  const std::vector<Trees> parts = forest(random, kTrees);
  const Weights weights(random, kUnits);
  const Trees all = joined(parts);
  KILN_ASSIGN_OR_RETURN(Model together, Model::create(kWidth, kUnits, options.threads));
  KILN_ASSIGN_OR_RETURN(Timing batched, measure([&] { return together.run(all, weights); }, options.seconds));
  Fields fields = {{"speedup", 0}, {"median_s", batched.median}};
  double best = 1e30;
  // One tree has few nodes of a depth; which width does best is tried.
  for (const int64_t width : {1, 4, 16}) {
    KILN_ASSIGN_OR_RETURN(Model single, Model::create(width, kUnits, options.threads));
    KILN_ASSIGN_OR_RETURN(Verification check, compareModels(together, single, parts, weights));
    if (!check.isEqual) {
      return makeError<ErrorId::kC0705>("tree_lstm_256",
                                        "a batch and single trees differ by " + std::to_string(check.maxError));
    }
    const auto runAll = [&] {
      for (const Trees& part : parts) {
        KILN_RETURN_IF_ERROR(single.run(part, weights));
      }
      return Status();
    };
    KILN_ASSIGN_OR_RETURN(Timing timing, measure(runAll, options.seconds));
    fields.push_back({"single_width_" + std::to_string(width) + "_s", timing.median});
    best = std::min(best, timing.median);
  }
  fields[0].second = best / batched.median;
  fields.push_back({"nodes", static_cast<double>(all.structure.numNodes())});
  return fields;
}

StatusOr<Verification> verifyTrees(int threads) {
  std::mt19937 random(7);
  const std::vector<Trees> parts = forest(random, 6);
  const Weights weights(random, 16);
  KILN_ASSIGN_OR_RETURN(Model together, Model::create(8, 16, threads));
  KILN_ASSIGN_OR_RETURN(Model single, Model::create(1, 16, threads));
  return compareModels(together, single, parts, weights);
}

}  // namespace kiln::bench
