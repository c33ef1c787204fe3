// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graphs with loops and branches: compiled code gives what the interpreter gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/build/control_flow.h"
#include "graph/eval/interpreter.h"
#include "tests/support/models.h"

namespace kiln::compiler {
namespace {

using kiln::testing::noiseTensor;
using ::testing::HasSubstr;

/// Runs the entry `main` both ways on the same feeds.
void expectEqualsInterpreter(const Graph& graph, const std::vector<Tensor>& feeds, double tolerance = 1e-12) {
  const Entry& entry = *graph.findEntry("main");
  std::vector<TensorView> views(feeds.begin(), feeds.end());
  VariableStore variables = initialValues(graph).value();
  auto wanted = Interpreter().evaluate(graph, entry, views, variables);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  for (int round = 0; round < 2; ++round) {
    std::vector<Tensor> out;
    Status status = callable->run(views, out);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(out.size(), wanted->size());
    for (size_t f = 0; f < out.size(); ++f) {
      const Tensor &found = out[f], &expected = (*wanted)[f];
      ASSERT_TRUE(std::ranges::equal(found.dims(), expected.dims())) << "fetch " << f;
      for (int64_t i = 0; i < found.numElements(); ++i) {
        ASSERT_NEAR(found.at(i), expected.at(i), tolerance * (1 + std::abs(expected.at(i))))
            << "fetch " << f << " at " << i;
      }
    }
  }
}

TEST(Loops, matmulsInALoopWithABatchOfAnySize) {
  GraphBuilder g("rnn");
  auto x = g.placeholder("x", f64, {dim("batch"), 24});
  auto w = g.placeholder("w", f64, {24, 24});
  auto h = whileLoop(
      g, {x, g.constant(Tensor::of<int64_t>({}, {0}))}, [&](const Values& c) { return less(c[1], 30); },
      [&](Value, const Values& c) { return Values{tanh(matmul(c[0], w)), c[1] + 1}; });
  g.entry("main", {.feeds = {x, w}, .fetches = {h[0], h[1]}, .targets = {}});
  Graph graph = g.finish().value();
  for (int64_t batch : {1, 5, 64}) {
    expectEqualsInterpreter(graph, {noiseTensor(f64, {batch, 24}), noiseTensor(f64, {24, 24}, 1)}, 1e-9);
  }
}

TEST(Loops, scansStackAndWalkBackwards) {
  for (bool reverse : {false, true}) {
    GraphBuilder g("scan");
    auto xs = g.placeholder("xs", f64, {dim("length"), 90});
    auto start = g.placeholder("start", f64, {90});
    auto result = scan(g, {start}, {xs},
                       [&](Value step, const Values& c, const Values& rows) {
                         auto next = sin(c[0] + rows[0]);
                         return std::pair<Values, Values>{{next}, {next, c[0], rows[0] * cast(step, f64)}};
                       },
                       {.name = "scan", .length = {}, .reverse = reverse});
    g.entry("main", {.feeds = {xs, start},
                     .fetches = {result.carries[0], result.stacked[0], result.stacked[1], result.stacked[2]},
                     .targets = {}});
    Graph graph = g.finish().value();
    for (int64_t length : {0, 1, 2, 13}) {
      expectEqualsInterpreter(graph, {noiseTensor(f64, {length, 90}), noiseTensor(f64, {90}, 1)});
    }
  }
}

TEST(Loops, nestedLoopsWithBranches) {
  GraphBuilder g("nested");
  auto x = g.placeholder("x", f64, {dim("n"), 100});
  auto outer = forRange(g, 0, 6, 1, {x}, [&](Value i, const Values& c) {
    auto inner = forRange(g, i, 9, 2, {c[0]}, [&](Value j, const Values& d) {
      return ifElse(
          g, less(mod(j + i, 3), 1), [&] { return Values{sin(d[0]) + cast(j, f64)}; },
          [&] { return switchCase(g, mod(j, 2), {[&] { return Values{d[0]}; }, [&] { return Values{d[0] * x}; }}); });
    });
    return Values{inner[0] + 0.125};
  });
  g.entry("main", {.feeds = {x}, .fetches = {outer[0]}, .targets = {}});
  Graph graph = g.finish().value();
  expectEqualsInterpreter(graph, {noiseTensor(f64, {3, 100})}, 1e-9);
}

TEST(Loops, aWhileLoopWithMaxStepsStacksZerosForTheRest) {
  GraphBuilder g("while");
  auto x = g.placeholder("x", f64, {150});
  auto limit = g.placeholder("limit", f64, {});
  auto result = whileLoop(
      g, {x}, [&](const Values& c) { return less(reduceMax(c[0]), limit); },
      [&](Value, const Values& c) { return Values{c[0] * 1.5, c[0] + 1.0}; }, {.name = "grow", .maxSteps = 12});
  g.entry("main", {.feeds = {x, limit}, .fetches = {result[0], result[1]}, .targets = {}});
  Graph graph = g.finish().value();
  for (double most : {-10.0, 5.0, 1e9}) {
    expectEqualsInterpreter(graph, {noiseTensor(f64, {150}), Tensor::of<double>({}, {most})});
  }
}

// Accumulators that rows are added to, of which no step may make a copy.
TEST(Loops, rowsAreAddedToABigAccumulatorInPlace) {
  GraphBuilder g("scatter");
  auto table = g.placeholder("table", f64, {500, 40});
  auto rows = g.placeholder("rows", i64, {dim("n"), 2});
  auto result = scan(g, {table}, {rows}, [&](Value step, const Values& c, const Values& r) {
    auto updates = gather(c[0], r[0] + 1) + cast(step, f64);
    return std::pair<Values, Values>{{scatterAdd(c[0], r[0], updates)}, {}};
  });
  g.entry("main", {.feeds = {table, rows}, .fetches = {result.carries[0]}, .targets = {}});
  Graph graph = g.finish().value();
  Tensor numbers(i64, {9, 2});
  for (int64_t i = 0; i < 18; ++i) {
    numbers.set(i, static_cast<double>((i * 7) % 400));
  }
  expectEqualsInterpreter(graph, {noiseTensor(f64, {500, 40}), numbers});
  CompileReport report;
  auto compiled = compileEntry(graph, *graph.findEntry("main"), {}, &report);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_THAT(report.plan, HasSubstr("carries in place"));
}

/// Programs of nested loops and branches over vectors too large for registers. Bodies yield whatever is in scope, so
/// that every way of handing carries on occurs.
class Generator {
 public:
  Generator(GraphBuilder& g, uint64_t seed) : g_(g), state_(seed) {}

  Values program(Values scope, Values stacks) {
    scope = block(std::move(scope), stacks, 0);
    return {scope[scope.size() - 1], scope[scope.size() - 2], pick(scope)};
  }

 private:
  int below(int n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int>((state_ >> 33) % static_cast<uint64_t>(n));
  }
  Value pick(const Values& scope) {
    // What was made last is what loops are about.
    const int size = static_cast<int>(scope.size());
    return scope[below(3) == 0 ? below(size) : size - 1 - below(std::min(size, 4))];
  }
  Values picks(const Values& scope, int count) {
    Values values;
    for (int i = 0; i < count; ++i) {
      values.push_back(pick(scope));
    }
    return values;
  }

  /// `scope` and what a few more nodes make of it.
  Values block(Values scope, const Values& stacks, int depth) {
    const int count = 2 + below(3);
    for (int i = 0; i < count; ++i) {
      const int kind = below(depth < 3 ? 9 : 4);
      if (kind == 0) {
        scope.push_back(sin(pick(scope) * pick(scope)));
      } else if (kind == 1) {
        scope.push_back(pick(scope) * 0.5 - pick(scope) * 0.25);
      } else if (kind == 2) {
        scope.push_back(reduceSum(pick(scope)) * 0.001 + pick(scope));
      } else if (kind == 3) {
        scope.push_back(cos(pick(scope)));
      } else if (kind == 4) {
        const int results = 1 + below(2);
        Value condition = less(reduceSum(pick(scope)), 0.3);
        Values made = ifElse(
            g_, condition, [&] { return picks(block(scope, stacks, depth + 1), results); },
            [&] { return picks(block(scope, stacks, depth + 1), results); });
        scope.insert(scope.end(), made.begin(), made.end());
      } else if (kind == 5) {
        Values made = forRange(g_, 0, below(5), 1, picks(scope, 1 + below(3)), [&](Value step, const Values& carries) {
          return body(scope, stacks, carries, step, depth, static_cast<int>(carries.size()));
        });
        scope.insert(scope.end(), made.begin(), made.end());
      } else if (kind == 6) {
        const int extra = below(2);
        Values made = whileLoop(
            g_, picks(scope, 1 + below(2)), [&](const Values& carries) { return less(reduceSum(carries[0]), 40.0); },
            [&](Value step, const Values& carries) {
              return body(scope, stacks, carries, step, depth, static_cast<int>(carries.size()) + extra);
            },
            {.name = "while", .maxSteps = 4});
        add(scope, made, extra);
      } else {
        const int numCarries = 1 + below(3), extra = below(3);
        auto made = scan(g_, picks(scope, numCarries), {stacks[below(static_cast<int>(stacks.size()))]},
                         [&](Value step, const Values& carries, const Values& rows) {
                           Values inner = scope;
                           inner.insert(inner.end(), rows.begin(), rows.end());
                           Values yields = body(inner, stacks, carries, step, depth, numCarries + extra);
                           return std::pair<Values, Values>{{yields.begin(), yields.begin() + numCarries},
                                                            {yields.begin() + numCarries, yields.end()}};
                         },
                         {.name = "scan", .length = {}, .reverse = below(2) == 0});
        made.carries.insert(made.carries.end(), made.stacked.begin(), made.stacked.end());
        add(scope, made.carries, extra);
      }
    }
    return scope;
  }

  Values body(Values scope, const Values& stacks, const Values& carries, Value step, int depth, int yields) {
    if (below(2) == 0) {
      scope.push_back(pick(scope) + cast(step, f64));
    }
    scope.insert(scope.end(), carries.begin(), carries.end());
    return picks(block(scope, stacks, depth + 1), yields);
  }

  /// Of the last `stacked` values the sum of the rows.
  static void add(Values& scope, const Values& made, int stacked) {
    for (size_t i = 0; i < made.size(); ++i) {
      scope.push_back(i + static_cast<size_t>(stacked) < made.size() ? made[i] : reduceSum(made[i], {0}));
    }
  }

  GraphBuilder& g_;
  uint64_t state_;
};

TEST(Loops, generatedProgramsGiveWhatTheInterpreterGives) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    GraphBuilder g("generated");
    auto x = g.placeholder("x", f64, {90});
    auto y = g.placeholder("y", f64, {90});
    auto rows = g.placeholder("rows", f64, {3, 90});
    auto more = g.placeholder("more", f64, {5, 90});
    Values results = Generator(g, seed * 977).program({x, y}, {rows, more});
    g.entry("main",
            {.feeds = {x, y, rows, more}, .fetches = {results[0], results[1], results[2] * 1.0}, .targets = {}});
    auto graph = g.finish();
    ASSERT_TRUE(graph.ok()) << graph.status();
    expectEqualsInterpreter(
        *graph,
        {noiseTensor(f64, {90}), noiseTensor(f64, {90}, 1), noiseTensor(f64, {3, 90}, 2), noiseTensor(f64, {5, 90}, 3)},
        1e-9);
    if (HasFatalFailure()) {
      return;
    }
  }
}

TEST(Loops, anEndlessLoopIsCancelledAndChangesNothing) {
  GraphBuilder g("endless");
  auto x = g.placeholder("x", f64, {300});
  auto v = g.variable("v", g.constant(Tensor::of<double>({}, {1})));
  auto result = whileLoop(
      g, {x}, [&](const Values& c) { return less(reduceMax(c[0]), 1e300); },
      [&](Value, const Values& c) { return Values{sin(c[0])}; });
  g.entry("main", {.feeds = {x}, .fetches = {}, .targets = {g.assign(v, reduceMax(result[0]))}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  std::atomic<int32_t> cancel{0};
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    cancel = 1;
  });
  Tensor feed = noiseTensor(f64, {300});
  std::vector<Tensor> out;
  Status status = callable->run({feed}, out, {.cancel = &cancel});
  canceller.join();
  EXPECT_EQ(errorIdOf(status), "KILN-R0040") << status;
  EXPECT_EQ(session->variable("v")->at(0), 1);
}

TEST(Loops, r0034CountsAndR0030SelectorsOutOfRangeNameTheirNode) {
  GraphBuilder g("faults");
  auto x = g.placeholder("x", f64, {200});
  auto stop = g.placeholder("stop", i64, {});
  auto which = g.placeholder("which", i64, {});
  auto v = g.variable("v", g.constant(Tensor::of<double>({}, {1})));
  auto looped = forRange(g, 0, stop, 1, {x}, [&](Value, const Values& c) { return Values{sin(c[0])}; }, "climb");
  auto chosen =
      switchCase(g, which, {[&] { return Values{sin(looped[0])}; }, [&] { return Values{looped[0]}; }}, "choice");
  g.entry("main", {.feeds = {x, stop, which}, .fetches = {}, .targets = {g.assign(v, reduceMax(chosen[0]))}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  Tensor feed = noiseTensor(f64, {200});
  std::vector<Tensor> out;
  auto run = [&](int64_t count, int64_t index) {
    Tensor a = Tensor::of<int64_t>({}, {count}), b = Tensor::of<int64_t>({}, {index});
    return callable->run({feed, a, b}, out);
  };
  Status count = run(-2, 0);
  EXPECT_EQ(errorIdOf(count), "KILN-R0034") << count;
  EXPECT_THAT(std::string(count.message()), HasSubstr("climb"));
  Status index = run(2, 2);
  EXPECT_EQ(errorIdOf(index), "KILN-R0030") << index;
  EXPECT_THAT(std::string(index.message()), HasSubstr("choice"));
  EXPECT_EQ(session->variable("v")->at(0), 1);
  EXPECT_TRUE(run(2, 1).ok());
  EXPECT_NE(session->variable("v")->at(0), 1);
}

TEST(Loops, aFaultInsideABodyLeavesAtOnce) {
  GraphBuilder g("fault");
  auto rows = g.placeholder("rows", i64, {dim("n")});
  auto table = g.placeholder("table", f64, {4, 100});
  auto result = fold(g, {reduceSum(table, {0})}, {rows},
                     [&](const Values& c, const Values& r) { return Values{c[0] + gather(table, r[0])}; });
  g.entry("main", {.feeds = {rows, table}, .fetches = {result[0]}, .targets = {}});
  Graph graph = g.finish().value();
  expectEqualsInterpreter(graph, {Tensor::of<int64_t>({3}, {0, 3, 1}), noiseTensor(f64, {4, 100})});
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor bad = Tensor::of<int64_t>({3}, {0, 4, 1}), values = noiseTensor(f64, {4, 100});
  std::vector<Tensor> out;
  auto callable = session->prepareEntry("main");
  ASSERT_TRUE(callable.ok()) << callable.status();
  EXPECT_EQ(errorIdOf(callable->run({bad, values}, out)), "KILN-R0030");
}

}  // namespace
}  // namespace kiln::compiler
