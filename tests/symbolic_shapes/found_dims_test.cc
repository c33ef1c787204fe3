// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Lengths that only the run knows, through graph file, compiler and session, against the reference interpreter.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compiler/jit/session.h"
#include "graph/build/control_flow.h"
#include "graph/build/operations.h"
#include "graph/eval/interpreter.h"
#include "graph/io/graph_io.h"
#include "graph/nn/selection.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::noiseTensor;

Tensor mask(const std::vector<bool>& values) {
  Tensor tensor(boolean, {static_cast<int64_t>(values.size())});
  std::copy(values.begin(), values.end(), tensor.mutableData<bool>());
  return tensor;
}

/// Integers are equal, and floats nearly.
bool isAlike(const Tensor& found, const Tensor& wanted) {
  if (!isFloat(wanted.dtype()) || found.dtype() != wanted.dtype() || found.dims() != wanted.dims()) {
    return found.identicalTo(wanted);
  }
  for (int64_t i = 0; i < wanted.numElements(); ++i) {
    const double a = found.at(i), b = wanted.at(i);
    if (a != b && !(std::isnan(a) && std::isnan(b)) && !(std::abs(a - b) <= 1e-5 * (1 + std::abs(b)))) {
      return false;
    }
  }
  return true;
}

/// A graph with the entry `run`, compiled once; each run is compared with the interpreter's.
class Program {
 public:
  Program(GraphBuilder& g, std::vector<NamedValue> feeds, const Values& values, std::vector<Target> targets = {}) {
    std::vector<NamedValue> fetches;
    for (size_t i = 0; i < values.size(); ++i) {
      fetches.emplace_back("y" + std::to_string(i), values[i]);
    }
    g.entry("run", {.feeds = std::move(feeds), .fetches = fetches, .targets = std::move(targets)});
    auto built = g.finish();
    EXPECT_TRUE(built.ok()) << built.status();
    if (!built.ok()) {
      return;
    }
    auto graph = graphFromProto(graphToProto(*built, {.isSelfContained = true}).def);
    EXPECT_TRUE(graph.ok()) << graph.status();
    graph_ = *graph;
    auto session = createSession(graph_, {.specializeAfter = 0});
    EXPECT_TRUE(session.ok()) << session.status();
    session_ = std::make_unique<Session>(*std::move(session));
    auto callable = session_->prepareEntry("run");
    EXPECT_TRUE(callable.ok()) << callable.status();
    if (callable.ok()) {
      callable_ = std::make_unique<Callable>(*std::move(callable));
    }
  }

  std::vector<Tensor> run(const std::vector<Tensor>& feeds) {
    if (callable_ == nullptr) {
      return {};
    }
    std::vector<TensorView> views(feeds.begin(), feeds.end());
    auto values = initialValues(graph_);
    auto wanted = Interpreter().evaluate(graph_, *graph_.findEntry("run"), views, *values);
    EXPECT_TRUE(wanted.ok()) << wanted.status();
    // Twice with the same tensors for the results, which keep their memory when they fit.
    for (int i = 0; i < 2; ++i) {
      Status status = callable_->run(views, found_);
      EXPECT_TRUE(status.ok()) << status;
      for (size_t k = 0; wanted.ok() && k < wanted->size() && k < found_.size(); ++k) {
        EXPECT_TRUE(isAlike(found_[k], (*wanted)[k]))
            << "y" << k << " is " << found_[k].toString() << ", wanted " << (*wanted)[k].toString();
      }
    }
    EXPECT_EQ(session_->statistics().compilations, 1);
    return found_;
  }

  Status fault(const std::vector<Tensor>& feeds) {
    std::vector<TensorView> views(feeds.begin(), feeds.end());
    return callable_->run(views, found_);
  }

 private:
  Graph graph_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Callable> callable_;
  std::vector<Tensor> found_;
};

TEST(FoundDims, a_fetch_has_the_length_that_the_run_finds) {
  GraphBuilder g("counted");
  auto n = g.placeholder("n", i64, {});
  const Dim count = bindDim(g, n);
  Program program(g, {n}, {iota(g, {count}), full(g, {count, 2}, 0.5), iota(g, {count * 2 + 1, 3}, 1, i32)});
  for (int64_t length : {3, 0, 1, 1000, 7}) {
    const auto found = program.run({Tensor::scalar<int64_t>(length)});
    ASSERT_EQ(found.size(), 3u);
    EXPECT_THAT(found[0].dims(), ElementsAre(length));
    EXPECT_THAT(found[1].dims(), ElementsAre(length, 2));
    EXPECT_THAT(found[2].dims(), ElementsAre(length * 2 + 1, 3));
  }
  EXPECT_THAT(std::string(program.fault({Tensor::scalar<int64_t>(-1)}).message()), HasSubstr("KILN-R0034"));
}

TEST(FoundDims, a_number_is_a_length_too) {
  GraphBuilder g("counted");
  auto x = g.placeholder("x", f32, {3});
  const Dim count = bindDim(g, 3);
  Program program(g, {x}, {iota(g, {count}), x});
  EXPECT_THAT(program.run({noiseTensor(f32, {3})})[0].dims(), ElementsAre(3));
}

TEST(FoundDims, lengths_of_other_types_are_refused) {
  GraphBuilder g("wrong");
  auto n = g.placeholder("n", i32, {});
  bindDim(g, n);
  EXPECT_THAT(std::string(g.finish().status().message()), HasSubstr("KILN-O0145"));
  GraphBuilder h("wrong");
  bindDim(h, h.placeholder("n", i64, {}), "2n");
  EXPECT_THAT(std::string(h.finish().status().message()), HasSubstr("KILN-P0021"));
}

TEST(FoundDims, go_through_operations_of_every_kind) {
  GraphBuilder g("kinds");
  auto n = g.placeholder("n", i64, {});
  auto x = g.placeholder("x", f32, {dim("rows"), 4});
  auto w = g.placeholder("w", f32, {4, 5});
  const Dim count = bindDim(g, n, "taken");
  const Value first = nn::firstAlong(x, count);
  const Value moved = transpose(first, {1, 0});
  const Value product = matmul(first, w);
  const Value joined = concat({first, first * 2, x}, 0);
  const Value sorted = sort(first, 0).values;
  Program program(g, {n, x, w},
                  {first, moved, reduceSum(product, {0}), tanh(product) + 1, joined, sorted, softmax(product, 0),
                   reshape(first, {count * 2, 2}), slice(joined, {count, 0}, {count * 2, 4}), cumsum(first, 0)});
  for (int64_t rows : {5, 1, 40}) {
    for (int64_t taken : std::vector<int64_t>{0, 1, rows}) {
      program.run({Tensor::scalar<int64_t>(taken), noiseTensor(f32, {rows, 4}), noiseTensor(f32, {4, 5})});
    }
  }
  EXPECT_THAT(
      std::string(
          program.fault({Tensor::scalar<int64_t>(6), noiseTensor(f32, {5, 4}), noiseTensor(f32, {4, 5})}).message()),
      HasSubstr("KILN-R0030"));
}

TEST(FoundDims, are_known_in_bodies) {
  GraphBuilder g("bodies");
  auto n = g.placeholder("n", i64, {});
  auto x = g.placeholder("x", f32, {6});
  const Dim count = bindDim(g, n);
  // The body knows the length only by its symbol.
  auto rows = scan(g, {}, {x}, [&](Value, const Values&, const Values& row) {
                return std::pair(Values(), Values{full(g, {count}, 1) * row[0]});
              }).stacked[0];
  auto steps = scan(g, {g.scalar(1, f32)}, {},
                    [&](Value, const Values& carries, const Values&) {
                      return std::pair(Values{carries[0] * 2}, Values{carries[0]});
                    },
                    {.name = "powers", .length = count});
  auto chosen =
      ifElse(g, greater(n, 2), [&] { return Values{iota(g, {count})}; }, [&] { return Values{-iota(g, {count})}; })[0];
  Program program(g, {n, x}, {rows, steps.carries[0], steps.stacked[0], chosen});
  for (int64_t length : {4, 0, 2, 100}) {
    program.run({Tensor::scalar<int64_t>(length), noiseTensor(f32, {6})});
  }
}

TEST(FoundDims, are_bound_in_every_step_of_a_loop) {
  GraphBuilder g("growing");
  auto x = g.placeholder("x", f32, {3});
  auto sum = scan(g, {g.scalar(0, f32)}, {x}, [&](Value step, const Values& carries, const Values& row) {
               const Dim count = bindDim(g, step);
               return std::pair(Values{carries[0] + reduceSum(full(g, {count, 2}, 1) * row[0])}, Values());
             }).carries[0];
  Program program(g, {x}, {sum});
  program.run({noiseTensor(f32, {3})});
}

TEST(FoundDims, variables_are_assigned_beside_them) {
  GraphBuilder g("assigned");
  auto n = g.placeholder("n", i64, {});
  auto v = g.variable("v", g.scalar(1, f32));
  const Value values = full(g, {bindDim(g, n)}, 1) * v;
  g.entry("run", {.feeds = {n}, .fetches = {values}, .targets = {g.assign(v, v * 2)}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("run");
  ASSERT_TRUE(callable.ok()) << callable.status();
  std::vector<Tensor> found;
  for (int i = 0; i < 3; ++i) {
    const Tensor length = Tensor::scalar<int64_t>(5 - i);
    ASSERT_TRUE(callable->run({length.view()}, found).ok());
    EXPECT_THAT(found[0].dims(), ElementsAre(5 - i));
    EXPECT_EQ(found[0].at(1), 1 << i);
  }
}

TEST(NonZero, finds_elements_of_any_shape) {
  GraphBuilder g("non_zero");
  auto x = g.placeholder("x", f32, {dim("a"), 3, dim("b")});
  auto m = g.placeholder("m", boolean, {dim("n")});
  auto s = g.placeholder("s", i32, {});
  Program program(g, {x, m, s}, {nn::nonZero(g, relu(x)), nn::nonZero(g, m), nn::nonZero(g, s)});
  const auto found = program.run({noiseTensor(f32, {2, 3, 4}), mask({true, false, true}), Tensor::scalar<int32_t>(4)});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[1].toString(), "i64[1, 2] [[0, 2]]");
  EXPECT_EQ(found[2].toString(), "i64[1, 1] [[0]]");
  program.run({noiseTensor(f32, {0, 3, 4}), mask({}), Tensor::scalar<int32_t>(0)});
  program.run({noiseTensor(f32, {30, 3, 50}), mask({false, false}), Tensor::scalar<int32_t>(-1)});
}

TEST(Compress, takes_what_the_condition_says) {
  GraphBuilder g("compress");
  auto x = g.placeholder("x", f32, {dim("a"), 3});
  auto m = g.placeholder("m", boolean, {dim("n")});
  Program program(g, {x, m}, {nn::compress(g, x, m, 0), nn::compress(g, x, m), nn::compress(g, x, m, -1)});
  program.run({noiseTensor(f32, {5, 3}), mask({true, false, true})});
  program.run({noiseTensor(f32, {2, 3}), mask({false, true})});
  program.run({noiseTensor(f32, {2, 3}), mask({})});
  EXPECT_THAT(std::string(program.fault({noiseTensor(f32, {1, 3}), mask({true, true})}).message()),
              HasSubstr("KILN-R0030"));
}

TEST(Unique, of_elements_and_slices) {
  GraphBuilder g("unique");
  auto x = g.placeholder("x", i32, {dim("n"), 2});
  Values values;
  for (bool isSorted : {true, false}) {
    for (std::optional<int64_t> axis : std::vector<std::optional<int64_t>>{{}, 0, 1}) {
      const auto unique = nn::unique(g, x, axis, isSorted);
      values.insert(values.end(), {unique.values, unique.indices, unique.inverse, unique.counts});
    }
  }
  Program program(g, {x}, values);
  std::mt19937 draw(3);
  for (int64_t rows : {1, 2, 7, 50, 0}) {
    Tensor tensor(i32, {rows, 2});
    for (int64_t i = 0; i < 2 * rows; ++i) {
      tensor.set(i, static_cast<double>(draw() % 4) - 2);
    }
    program.run({tensor});
  }
  const auto found = program.run({Tensor::of<int32_t>({4, 2}, {3, 1, 2, 2, 3, 1, 0, 9})});
  ASSERT_EQ(found.size(), 24u);
  EXPECT_EQ(found[0].toString(), "i32[5] [0, 1, 2, 3, 9]");
  EXPECT_EQ(found[3].toString(), "i64[5] [1, 2, 2, 2, 1]");
  EXPECT_EQ(found[4].toString(), "i32[3, 2] [[0, 9], [2, 2], [3, 1]]");
  EXPECT_EQ(found[6].toString(), "i64[4] [2, 1, 2, 0]");
  EXPECT_EQ(found[12].toString(), "i32[5] [3, 1, 2, 0, 9]");
}

TEST(Unique, nans_are_equal_to_each_other) {
  GraphBuilder g("unique");
  auto x = g.placeholder("x", f32, {5});
  const auto unique = nn::unique(g, x);
  Program program(g, {x}, {unique.values, unique.counts});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(program.run({Tensor::of<float>({5}, {nan, 1, nan, -0.0f, 0})})[1].toString(), "i64[3] [2, 1, 2]");
}

TEST(NonMaxSuppression, selects_by_class) {
  GraphBuilder g("nms");
  auto boxes = g.placeholder("boxes", f32, {dim("batch"), dim("n"), 4});
  auto scores = g.placeholder("scores", f32, {dim("batch"), dim("classes"), dim("n")});
  auto limit = g.placeholder("limit", i64, {});
  const Value selected = nn::nonMaxSuppression(g, boxes, scores, limit, 0.5, {.scoreThreshold = g.scalar(0.1, f32)});
  const Value centered = nn::nonMaxSuppression(g, boxes, scores, 3, 0.3, {.isCenterForm = true});
  // As detectors go on: the boxes, and the best of all.
  const Dim count = selected.shape()[0];
  const Value ids = reshape(slice(selected, {0, 2}, {count, 3}), {count});
  const Value flat = gather(reshape(boxes, {dim("batch") * dim("n"), 4}), ids);
  const Value best = nn::firstAlong(sort(reduceSum(flat, {1}), 0, true).values, Dim::min(count, 100));
  Program program(g, {boxes, scores, limit}, {selected, centered, flat, best});
  std::mt19937 draw(5);
  std::uniform_real_distribution<float> place(0, 1);
  for (auto [batch, classes, n, most] :
       std::vector<std::array<int64_t, 4>>{{1, 1, 6, 3}, {2, 3, 40, 100}, {1, 2, 200, 5}, {1, 1, 0, 2}, {1, 2, 9, 0}}) {
    Tensor b(f32, {batch, n, 4}), s(f32, {batch, classes, n});
    for (int64_t i = 0; i < batch * n; ++i) {
      const float y = place(draw), x = place(draw);
      const float corners[] = {y, x, y + place(draw), x + place(draw)};
      for (int k = 0; k < 4; ++k) {
        b.set(4 * i + k, static_cast<double>(corners[i % 3 == 0 ? (k + 2) % 4 : k]));
      }
    }
    for (int64_t i = 0; i < s.numElements(); ++i) {
      s.set(i, std::floor(20 * static_cast<double>(place(draw))) / 20);
    }
    program.run({b, s, Tensor::scalar<int64_t>(most)});
  }
  const Tensor b = Tensor::of<float>(
      {1, 6, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, -0.1f, 1, 0.9f, 0, 10, 1, 11, 0, 10.1f, 1, 11.1f, 0, 100, 1, 101});
  const Tensor s = Tensor::of<float>({1, 1, 6}, {0.9f, 0.75f, 0.6f, 0.95f, 0.5f, 0.3f});
  EXPECT_EQ(program.run({b, s, Tensor::scalar<int64_t>(3)})[0].toString(),
            "i64[3, 3] [[0, 0, 3], [0, 0, 0], [0, 0, 5]]");
}

TEST(Selection, what_does_not_fit_is_named) {
  const auto message = [](const std::function<void(GraphBuilder&, Value)>& build) {
    GraphBuilder g("wrong");
    build(g, g.placeholder("x", f32, {4, 3}));
    return std::string(g.finish().status().message());
  };
  EXPECT_THAT(message([](GraphBuilder& g, Value x) { nn::compress(g, x, x, 0); }), HasSubstr("KILN-G0512"));
  EXPECT_THAT(message([](GraphBuilder& g, Value x) { nn::unique(g, x, 2); }), HasSubstr("KILN-G0512"));
  EXPECT_THAT(message([](GraphBuilder& g, Value x) { nn::nonMaxSuppression(g, x, x, 1, 0.5); }),
              HasSubstr("non_max_suppression"));
  EXPECT_THAT(
      message([](GraphBuilder& g, Value x) { nn::compress(g, x, g.constant(mask({true, true, true, true})), 1); }),
      HasSubstr("condition has 4 elements"));
}

}  // namespace
}  // namespace kiln
