// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every op that is no elementwise map, for each of its element types, with rank 0, empty, single, odd, large and
// symbolic shapes, compiled against the reference. One function for each op; a test makes sure that none is forgotten.
#include <array>
#include <functional>
#include <map>
#include <set>

#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/numerics/compare.h"

namespace kiln::numerics {
namespace {

// The graph of one case: placeholders with their feeds, and what is fetched.
class Sweep {
 public:
  Sweep(const OpSchema& op, DType dtype) : op(op), dtype(dtype), g("sweep") {}

  Value feed(std::vector<int64_t> dims, std::string_view sweep = "any") {
    return feedOf(dtype, dims, Shape::of(dims), sweep);
  }
  Value feed(std::vector<int64_t> dims, Shape shape, std::string_view sweep = "any") {
    return feedOf(dtype, dims, shape, sweep);
  }
  Value feedOf(DType type, const std::vector<int64_t>& dims, const Shape& shape, std::string_view sweep) {
    Tensor tensor(type, dims);
    fill(tensor, sweep, numbers);
    return feedTensor(std::move(tensor), shape);
  }
  Value feedTensor(Tensor tensor, const Shape& shape) {
    const std::string name = "x" + std::to_string(feeds.size());
    Value value = g.placeholder(name, tensor.dtype(), shape);
    feeds.emplace(name, std::move(tensor));
    return value;
  }
  Value feedTensor(Tensor tensor) {
    Shape shape = Shape::of(tensor.dims());
    return feedTensor(std::move(tensor), shape);
  }
  // Integers in [low, high).
  Value indices(std::vector<int64_t> dims, int64_t low, int64_t high, DType type = i64) {
    return indices(dims, Shape::of(dims), low, high, type);
  }
  Value indices(std::vector<int64_t> dims, const Shape& shape, int64_t low, int64_t high, DType type = i64) {
    Tensor tensor(type, dims);
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      tensor.set(i,
                 static_cast<double>(low + static_cast<int64_t>(numbers.next() % static_cast<uint64_t>(high - low))));
    }
    return feedTensor(std::move(tensor), shape);
  }
  void fetch(Value value) {
    const std::string name = "y" + std::to_string(fetches.size());
    fetches.push_back({value.named(name).name(), op.tolerance});
  }
  // All results of one node.
  void fetchAll(const std::vector<Value>& values) {
    values[0].named("y" + std::to_string(fetches.size()));
    for (const Value& value : values) {
      fetches.push_back({value.name(), op.tolerance});
    }
  }

  const OpSchema& op;
  const DType dtype;
  GraphBuilder g;
  Numbers numbers{17};
  Feeds feeds;
  std::vector<Fetch> fetches;
};

const Dim n = dim("n"), m = dim("m");

void sweepReduction(Sweep& s, const std::function<Value(Value, std::vector<int64_t>, bool)>& reduce) {
  // Special values in one tensor; the others have numbers of one size, so that sums are not all NaN.
  const bool isMax = s.op.name == "reduce_max";
  if (isMax || !isFloat(s.dtype)) {
    s.fetch(reduce(s.feed({40}), {0}, false));
  }
  s.fetch(reduce(s.feed({}, "unit"), {}, false));
  s.fetch(reduce(s.feed({1}, "unit"), {0}, true));
  s.fetch(reduce(s.feed({0}, "unit"), {0}, false));
  s.fetch(reduce(s.feed({3, 0}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({0, 3}, "unit"), {0}, true));
  s.fetch(reduce(s.feed({7, 13}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({7, 13}, "unit"), {0}, true));
  s.fetch(reduce(s.feed({7, 13}, "unit"), {0, 1}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {-1}, true));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {0, 2}, false));
  s.fetch(reduce(s.feed({3, 5, 17}, "unit"), {1, 2}, false));
  s.fetch(reduce(s.feed({4, 1, 9, 1}, "unit"), {1, 3}, false));
  // The reference adds in f64 too, so only whole numbers give it the digits to judge long sums of f64.
  const std::string_view longSweep = s.dtype == f64 ? "whole" : "positive";
  s.fetch(reduce(s.feed({100003}, longSweep), {0}, false));
  s.fetch(reduce(s.feed({2000, 9}, longSweep), {0}, false));
  s.fetch(reduce(s.feed({300, 700}, s.dtype == f64 ? "whole" : "unit"), {1}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, "unit"), {1}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, "unit"), {0}, false));
  s.fetch(reduce(s.feed({5, 21}, {n, m}, "unit"), {0, 1}, false));
}

void sweepSoftmax(Sweep& s, const std::function<Value(Value, int64_t)>& apply) {
  s.fetch(apply(s.feed({1}, "unit"), 0));
  s.fetch(apply(s.feed({0, 5}, "unit"), -1));
  s.fetch(apply(s.feed({5, 10}, "unit"), -1));
  s.fetch(apply(s.feed({33, 7}, "positive"), 0));
  s.fetch(apply(s.feed({3, 4, 67}, "unit"), 1));
  s.fetch(apply(s.feed({4, 1000}, "unit"), -1));
  s.fetch(apply(s.feed({6, 11}, {n, m}, "unit"), -1));
}

// What each op is tried with.
const std::map<std::string_view, std::function<void(Sweep&)>>& sweeps() {
  static const std::map<std::string_view, std::function<void(Sweep&)>> table = {
      {"matmul",
       [](Sweep& s) {
         for (auto [rows, inner, columns] : {std::array<int64_t, 3>{1, 1, 1},
                                             {0, 3, 2},
                                             {2, 0, 3},
                                             {1, 17, 5},
                                             {7, 13, 9},
                                             {33, 65, 100},
                                             {70, 300, 130}}) {
           const std::string_view kind = "unit";
           s.fetch(matmul(s.feed({rows, inner}, kind), s.feed({inner, columns}, kind)));
           s.fetch(matmul(s.feed({inner, rows}, kind), s.feed({inner, columns}, kind), true));
           s.fetch(matmul(s.feed({rows, inner}, kind), s.feed({columns, inner}, kind), false, true));
           s.fetch(matmul(s.feed({inner, rows}, kind), s.feed({columns, inner}, kind), true, true));
         }
         s.fetch(matmul(s.feed({3, 5, 6}, "unit"), s.feed({3, 6, 4}, "unit")));
         s.fetch(matmul(s.feed({19, 7}, {n, 7}, "unit"), s.feed({7, 11}, "unit")));
         s.fetch(matmul(s.feed({19, 7}, {n, 7}, "unit"), s.feed({19, 11}, {n, 11}, "unit"), true));
       }},
      {"reduce_sum",
       [](Sweep& s) { sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceSum(x, a, k); }); }},
      {"reduce_mean",
       [](Sweep& s) {
         sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceMean(x, a, k); });
       }},
      {"reduce_max",
       [](Sweep& s) { sweepReduction(s, [](Value x, std::vector<int64_t> a, bool k) { return reduceMax(x, a, k); }); }},
      {"argmax",
       [](Sweep& s) {
         s.fetch(argmax(s.feed({1}), 0));
         s.fetch(argmax(s.feed({40}), 0, true));
         s.fetch(argmax(s.feed({0, 3}), 1));
         s.fetch(argmax(s.feed({9, 33}), -1));
         s.fetch(argmax(s.feed({9, 33}), 0));
         s.fetch(argmax(s.feed({3, 4, 18}), 1, true));
         s.fetch(argmax(s.feed({5, 10}, {n, 10}, "unit"), -1));
       }},
      {"reshape",
       [](Sweep& s) {
         s.fetch(reshape(s.feed({6, 4}), {8, 3}));
         s.fetch(reshape(s.feed({1}), {}));
         s.fetch(reshape(s.feed({0, 3}), {3, 0}));
         s.fetch(reshape(s.feed({5, 6}, {n, 6}), {n, 2, 3}));
         s.fetch(reshape(s.feed({5, 6}, {n, 6}), {-1}));
         s.fetch(reshape(transpose(s.feed({4, 6})), {3, 8}));
       }},
      {"transpose",
       [](Sweep& s) {
         s.fetch(transpose(s.feed({7, 33})));
         s.fetch(transpose(s.feed({3, 4, 5}), {2, 0, 1}));
         s.fetch(transpose(s.feed({3, 4, 5}), {1, 0, 2}));
         s.fetch(transpose(s.feed({0, 4})));
         s.fetch(transpose(s.feed({5, 19}, {n, m})));
       }},
      {"broadcast",
       [](Sweep& s) {
         s.fetch(broadcastTo(s.feed({}), {3, 17}));
         s.fetch(broadcastTo(s.feed({17}), {3, 17}));
         s.fetch(broadcastTo(s.feed({3, 1}), {3, 17}));
         s.fetch(broadcastTo(s.feed({1, 5, 1}), {2, 5, 9}));
         s.fetch(broadcastTo(s.feed({1, 5}), {0, 5}));
         s.fetch(broadcastTo(s.feed({1, 5}), {s.g.dim("n", 0, 100), 5}));
         s.feed({4}, {n});
       }},
      {"slice",
       [](Sweep& s) {
         s.fetch(slice(s.feed({20}), {3}, {17}));
         s.fetch(slice(s.feed({9, 40}), {1, 2}, {8, 37}, {2, 3}));
         s.fetch(slice(s.feed({9, 40}), {3, 0}, {3, 40}));
         s.fetch(slice(s.feed({3, 5, 8}), {1, 0, 2}, {3, 5, 7}));
         s.feed({7}, {n});
         s.fetch(slice(s.feed({9, 12}, {n + 2, 12}), {2, 1}, {n + 2, 12}));
       }},
      {"concat",
       [](Sweep& s) {
         s.fetch(concat({s.feed({3, 4}), s.feed({2, 4})}, 0));
         s.fetch(concat({s.feed({3, 4}), s.feed({3, 9}), s.feed({3, 0})}, 1));
         s.fetch(concat({s.feed({5})}, 0));
         s.fetch(concat({s.feed({2, 3, 4}), s.feed({2, 1, 4})}, 1));
         s.fetch(concat({s.feed({5, 4}, {n, 4}), s.feed({3, 4})}, 0));
       }},
      {"pad",
       [](Sweep& s) {
         s.fetch(pad(s.feed({5}), s.feed({}), {2}, {3}));
         s.fetch(pad(s.feed({5, 4}), s.feed({}), {1, 0}, {0, 2}));
         s.fetch(pad(s.feed({5, 4}), s.feed({}), {1, 2}, {0, 1}, {2, 1}));
         s.fetch(pad(s.feed({0, 4}), s.feed({}), {1, 0}, {1, 0}));
         s.fetch(pad(s.feed({6, 4}, {n, 4}), s.feed({}), {1, 0}, {2, 0}));
       }},
      {"gather",
       [](Sweep& s) {
         s.fetch(gather(s.feed({9, 17}), s.indices({6}, -9, 9)));
         s.fetch(gather(s.feed({9, 17}), s.indices({2, 3}, -17, 17, i32), 1));
         s.fetch(gather(s.feed({9}), s.indices({}, 0, 9)));
         s.fetch(gather(s.feed({4, 9}), s.indices({4}, -9, 9), 1, 1));
         s.fetch(gather(s.feed({3, 9, 5}), s.indices({3, 2}, 0, 9), 1, 1));
         s.fetch(gather(s.feed({9, 17}), s.indices({0}, 0, 9)));
         s.fetch(gather(s.feed({0, 4}), s.indices({0}, 0, 1)));
         s.fetch(gather(s.feed({9, 17}, {n, 17}), s.indices({5, 2}, {m, 2}, -9, 9)));
       }},
      {"scatter_add",
       [](Sweep& s) {
         s.fetch(scatterAdd(s.feed({9, 17}, "unit"), s.indices({4}, -9, 9), s.feed({4, 17}, "unit")));
         s.fetch(scatterAdd(s.feed({9, 17}, "unit"), s.indices({2, 3}, 0, 17, i32), s.feed({9, 2, 3}, "unit"), 1));
         s.fetch(scatterAdd(s.feed({9}, "unit"), s.indices({}, 0, 9), s.feed({}, "unit")));
         s.fetch(scatterAdd(s.feed({4, 9}, "unit"), s.indices({4}, -9, 9), s.feed({4}, "unit"), 1, 1));
         s.fetch(scatterAdd(s.feed({3, 9, 5}, "unit"), s.indices({3, 2}, 0, 9), s.feed({3, 2, 5}, "unit"), 1, 1));
         s.fetch(scatterAdd(s.feed({0, 4}, "unit"), s.indices({0}, 0, 1), s.feed({0, 4}, "unit")));
         s.fetch(scatterAdd(s.feed({9, 17}, {n, 17}, "unit"), s.indices({5}, {m}, -9, 9),
                            s.feed({5, 17}, {m, 17}, "unit")));
       }},
      {"one_hot",
       [](Sweep& s) {
         for (DType type : {i32, i64}) {
           s.fetch(oneHot(s.indices({7}, -12, 14, type), 10, s.dtype));
           s.fetch(oneHot(s.indices({}, 0, 3, type), 3, s.dtype));
           s.fetch(oneHot(s.indices({0}, 0, 3, type), 3, s.dtype));
           s.fetch(oneHot(s.indices({3, 5}, -2, 5, type), 37, s.dtype));
         }
         s.fetch(oneHot(s.indices({5}, {n}, 0, 10), 10, s.dtype));
       }},
      {"iota",
       [](Sweep& s) {
         s.fetch(iota(s.g, {40}, 0, s.dtype));
         s.fetch(iota(s.g, {5, 9}, 0, s.dtype));
         s.fetch(iota(s.g, {5, 9}, -1, s.dtype));
         s.fetch(iota(s.g, {0, 9}, 1, s.dtype));
         s.fetch(iota(s.g, {n, 3}, 0, s.dtype));
         s.feed({11}, {n});
       }},
      {"random_uniform",
       [](Sweep& s) {
         s.fetch(randomUniform(s.g, {1000}, s.dtype));
         s.fetch(randomUniform(s.g, {7, 5}, s.dtype, -3, 0.1));
         s.fetch(randomUniform(s.g, {}, s.dtype));
         s.fetch(randomUniform(s.g, {n, 3}, s.dtype));
         s.feed({11}, {n});
       }},
      {"random_normal",
       [](Sweep& s) {
         s.fetch(randomNormal(s.g, {1000}, s.dtype));
         s.fetch(randomNormal(s.g, {7, 5}, s.dtype, 3, 0.5));
         s.fetch(randomNormal(s.g, {}, s.dtype));
         s.fetch(randomNormal(s.g, {n, 3}, s.dtype));
         s.feed({11}, {n});
       }},
      {"softmax", [](Sweep& s) { sweepSoftmax(s, [](Value x, int64_t axis) { return softmax(x, axis); }); }},
      {"log_softmax", [](Sweep& s) { sweepSoftmax(s, [](Value x, int64_t axis) { return logSoftmax(x, axis); }); }},
      {"softmax_cross_entropy",
       [](Sweep& s) {
         s.fetch(softmaxCrossEntropy(s.feed({7, 10}, "unit"), s.indices({7}, 0, 10)));
         s.fetch(softmaxCrossEntropy(s.feed({3, 4, 33}, "unit"), s.indices({3, 4}, 0, 33, i32)));
         s.fetch(softmaxCrossEntropy(s.feed({0, 10}, "unit"), s.indices({0}, 0, 10)));
         s.fetch(softmaxCrossEntropy(s.feed({10}, "unit"), s.indices({}, 0, 10)));
         s.fetch(softmaxCrossEntropy(s.feed({9, 10}, {n, 10}, "unit"), s.indices({9}, {n}, 0, 10)));
       }},
      {"softmax_cross_entropy_dense",
       [](Sweep& s) {
         s.fetch(softmaxCrossEntropy(s.feed({7, 10}, "unit"), softmax(s.feed({7, 10}, "unit"))));
         s.fetch(softmaxCrossEntropy(s.feed({0, 10}, "unit"), softmax(s.feed({0, 10}, "unit"))));
         s.fetch(softmaxCrossEntropy(s.feed({9, 10}, {n, 10}, "unit"), softmax(s.feed({9, 10}, {n, 10}, "unit"))));
       }},
      {"sgd",
       [](Sweep& s) {
         for (std::vector<int64_t> dims : {std::vector<int64_t>{}, {0}, {37, 3}}) {
           s.fetch(sgdUpdate(s.feed(dims, "near one"), s.feed(dims, "unit"), s.g.scalar(1e-3, s.dtype), 0.01));
         }
       }},
      {"momentum",
       [](Sweep& s) {
         for (bool nesterov : {false, true}) {
           auto r = momentumUpdate(
               s.feed({37, 3}, "near one"), s.feed({37, 3}, "near one"), s.feed({37, 3}, "near one"),
               s.feedTensor(s.dtype == f32 ? Tensor::scalar(1e-3f) : Tensor::scalar(1e-3)), 0.9, nesterov);
           s.fetchAll({r.parameter, r.velocity});
         }
       }},
      {"adam",
       [](Sweep& s) {
         auto r = adamUpdate(s.feed({37, 3}, "near one"), s.feed({37, 3}, "near one"), s.feed({37, 3}, "near one"),
                             s.feed({37, 3}, "positive"), s.feedTensor(Tensor::scalar<int64_t>(3)),
                             s.feedTensor(s.dtype == f32 ? Tensor::scalar(1e-3f) : Tensor::scalar(1e-3)));
         s.fetchAll({r.parameter, r.firstMoment, r.secondMoment});
       }},
      {"constant",
       [](Sweep& s) {
         Tensor value(s.dtype, {5, 30});
         fill(value, "any", s.numbers);
         s.fetch(s.g.constant(value));
         s.fetch(s.g.constant(Tensor(s.dtype, {0})));
         s.fetch(transpose(s.g.constant(value, "other")));
       }},
  };
  return table;
}

// Ops that the interpreter and the session handle themselves; whole programs test them.
const std::set<std::string_view> kHandled = {"placeholder", "variable",  "assign",     "group",
                                             "call",        "gradients", "shape_value"};

struct Case {
  const OpSchema* op;
  DType dtype;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.op->name << " " << toString(c.dtype); }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const OpSchema& op : allOps()) {
    if (sweeps().contains(op.name)) {
      // iota, one_hot, constant and random ops choose their result's type.
      const bool byResult =
          op.operands.empty() || op.name == "iota" || op.name == "one_hot" || op.name.starts_with("random");
      for (DType dtype : byResult ? op.results[0].dtypes : op.operands[0].dtypes) {
        all.push_back({&op, dtype});
      }
    }
  }
  return all;
}

class StructuredSweep : public testing::TestWithParam<Case> {};

TEST_P(StructuredSweep, compiledEqualsReference) {
  Sweep sweep(*GetParam().op, GetParam().dtype);
  sweeps().at(GetParam().op->name)(sweep);
  StatusOr<Graph> graph = sweep.g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  expectSame(*graph, sweep.feeds, sweep.fetches);
}

INSTANTIATE_TEST_SUITE_P(Ops, StructuredSweep, testing::ValuesIn(cases()), [](const auto& info) {
  return std::string(info.param.op->name) + "_" + std::string(toString(info.param.dtype));
});

TEST(Sweep, leavesNoOpOut) {
  for (const OpSchema& op : allOps()) {
    EXPECT_TRUE(op.isElementwise || sweeps().contains(op.name) || kHandled.contains(op.name))
        << op.name << " has no sweep";
  }
}

}  // namespace
}  // namespace kiln::numerics
