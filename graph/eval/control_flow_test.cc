// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Branches and loops, built with lambdas and run by the interpreter: results against plain C++ loops.
#include "graph/build/control_flow.h"

#include <cmath>
#include <thread>

#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "graph/build/tensor_list.h"
#include "graph/build/transforms.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> listOf(const Tensor& tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    values.push_back(tensor.at(i));
  }
  return values;
}

class ControlFlow : public testing::Test {
 protected:
  // The fetches for feeds of placeholders by name, after finish().
  StatusOr<std::vector<Tensor>> run(const std::vector<std::pair<std::string, Tensor>>& feeds, const Values& fetches,
                                    InterpreterOptions options = {}) {
    if (!isFinished_) {
      auto graph = g.finish();
      EXPECT_TRUE(graph.ok()) << graph.status();
      if (!graph.ok()) {
        return graph.status();
      }
      graph_ = *graph;
      isFinished_ = true;
      store_ = initialValues(graph_).value();
    }
    std::vector<std::string> feedNames, fetchNames;
    std::vector<TensorView> tensors;
    for (const auto& [name, tensor] : feeds) {
      feedNames.push_back(name);
      tensors.push_back(tensor);
    }
    for (const Value& fetch : fetches) {
      fetchNames.push_back(fetch.name());
    }
    KILN_ASSIGN_OR_RETURN(Entry entry, makeEntry(graph_, "test", feedNames, fetchNames, {}));
    return Interpreter(options).evaluate(graph_, entry, tensors, store_);
  }

  Tensor one(const std::vector<std::pair<std::string, Tensor>>& feeds, Value fetch) {
    auto results = run(feeds, {fetch});
    EXPECT_TRUE(results.ok()) << results.status();
    return results.ok() ? results->front() : Tensor(f64, {});
  }

  GraphBuilder g{"control"};
  Graph graph_;
  VariableStore store_;
  bool isFinished_ = false;
};

TEST_F(ControlFlow, an_if_runs_one_branch) {
  auto x = g.placeholder("x", f64, {}), i = g.placeholder("i", i64, {}), table = g.placeholder("table", f64, {3});
  // The other branch would end the run: index 7 is out of range.
  auto y = ifElse(g, less(i, 3), [&] { return Values{gather(table, i) * x}; }, [&] { return Values{-x}; })[0];
  const Tensor values = Tensor::of<double>({3}, {1, 2, 3});
  EXPECT_EQ(one({{"x", Tensor::scalar(5.0)}, {"i", Tensor::scalar<int64_t>(2)}, {"table", values}}, y).at(0), 15);
  EXPECT_EQ(one({{"x", Tensor::scalar(5.0)}, {"i", Tensor::scalar<int64_t>(7)}, {"table", values}}, y).at(0), -5);
  EXPECT_TRUE(graph_.functions().contains("if/then"));
  EXPECT_TRUE(graph_.functions().contains("if/else"));
}

TEST_F(ControlFlow, a_switch_runs_the_numbered_branch) {
  auto x = g.placeholder("x", f64, {2}), i = g.placeholder("i", i32, {});
  auto y = switchCase(
      g, i, {[&] { return Values{x + 1, x}; }, [&] { return Values{x * 2, x}; }, [&] { return Values{x * x, x * 3}; }});
  ASSERT_EQ(y.size(), 2u);
  const Tensor fed = Tensor::of<double>({2}, {3, 4});
  auto at = [&](int32_t index) { return run({{"x", fed}, {"i", Tensor::scalar<int32_t>(index)}}, y); };
  EXPECT_THAT(listOf(at(0).value()[0]), ElementsAre(4, 5));
  EXPECT_THAT(listOf(at(1).value()[0]), ElementsAre(6, 8));
  EXPECT_THAT(listOf(at(2).value()[1]), ElementsAre(9, 12));
  for (int32_t index : {-1, 3}) {
    const std::string message(at(index).status().message());
    EXPECT_THAT(message, HasSubstr("KILN-R0030"));
    EXPECT_THAT(message, HasSubstr("kiln.switch_case 'switch'"));
  }
}

TEST_F(ControlFlow, a_while_ends_with_its_condition) {
  auto n = g.placeholder("n", i64, {});
  // Collatz steps.
  auto results = whileLoop(
      g, {n, g.scalar(0, i64)}, [&](const Values& c) { return notEqual(c[0], 1); },
      [&](Value, const Values& c) {
        auto half = c[0] / 2;
        auto isEven = equal(half * 2, c[0]);
        return Values{
            ifElse(g, isEven, [&] { return Values{half}; }, [&] { return Values{c[0] * 3 + 1}; })[0], c[1] + 1};
      });
  for (int64_t start : {1, 6, 27, 97}) {
    int64_t value = start, steps = 0;
    for (; value != 1; ++steps) {
      value = value % 2 == 0 ? value / 2 : value * 3 + 1;
    }
    EXPECT_EQ(one({{"n", Tensor::scalar(start)}}, results[1]).at(0), steps) << start;
  }
}

TEST_F(ControlFlow, a_bounded_while_stacks_and_leaves_zero_rows) {
  auto n = g.placeholder("n", f64, {});
  auto results = whileLoop(
      g, {n}, [&](const Values& c) { return greater(c[0], 1.0); },
      [&](Value step, const Values& c) {
        auto half = c[0] * 0.5;
        return Values{half, half, step + 100};
      },
      {.name = "halve", .maxSteps = 5});
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[1].shape(), (Shape{5}));
  auto found = run({{"n", Tensor::scalar(8.0)}}, results).value();
  EXPECT_EQ(found[0].at(0), 1);
  EXPECT_THAT(listOf(found[1]), ElementsAre(4, 2, 1, 0, 0));
  EXPECT_THAT(listOf(found[2]), ElementsAre(100, 101, 102, 0, 0));
  found = run({{"n", Tensor::scalar(1024.0)}}, results).value();
  EXPECT_EQ(found[0].at(0), 32);  // the bound ended it
  EXPECT_THAT(listOf(found[1]), ElementsAre(512, 256, 128, 64, 32));
}

TEST_F(ControlFlow, for_range_counts_as_in_cpp) {
  auto start = g.placeholder("start", i64, {}), stop = g.placeholder("stop", i64, {}),
       step = g.placeholder("step", i64, {});
  auto visit = [&](Value i, const Values& c) { return Values{c[0] * 10 + i, c[1] + 1}; };
  auto zero = g.scalar(0, i64);
  auto general = forRange(g, start, stop, step, {zero, zero}, visit, "general");
  auto fromZero = forRange(g, 0, stop, 1, {zero, zero}, visit, "from_zero");
  auto byThree = forRange(g, start, stop, 3, {zero, zero}, visit, "by_three");
  auto byOne = forRange(g, start, stop, 1, {zero, zero}, visit, "by_one");
  auto feeds = [](int64_t a, int64_t b, int64_t c) {
    return std::vector<std::pair<std::string, Tensor>>{
        {"start", Tensor::scalar(a)}, {"stop", Tensor::scalar(b)}, {"step", Tensor::scalar(c)}};
  };
  auto expect = [&](int64_t a, int64_t b, int64_t c, const Values& loop) {
    int64_t sum = 0, count = 0;
    for (int64_t i = a; c > 0 ? i < b : i > b; i += c, ++count) {
      sum = sum * 10 + i;
    }
    auto found = run(feeds(a, b, c), loop).value();
    EXPECT_EQ(found[0].at(0), sum) << a << ".." << b << " by " << c;
    EXPECT_EQ(found[1].at(0), count) << a << ".." << b << " by " << c;
  };
  for (auto [a, b, c] : std::vector<std::array<int64_t, 3>>{
           {0, 5, 1}, {2, 9, 3}, {2, 8, 3}, {9, 2, -1}, {9, 1, -3}, {4, 4, 1}, {4, 4, -2}, {-3, 3, 2}}) {
    expect(a, b, c, general);
  }
  expect(0, 4, 1, fromZero);
  expect(0, 0, 1, fromZero);
  expect(1, 9, 3, byThree);
  expect(3, 7, 1, byOne);
  EXPECT_THAT(std::string(run(feeds(0, -1, 1), fromZero).status().message()), HasSubstr("KILN-R0034"));
  EXPECT_THAT(std::string(run(feeds(0, std::numeric_limits<int64_t>::max(), 1), fromZero).status().message()),
              HasSubstr("kiln.for_range 'from_zero': the trip count 9223372036854775807 is not between 0 and"));
  EXPECT_THAT(std::string(run(feeds(0, 5, -1), general).status().message()), HasSubstr("KILN-R0034"));
  EXPECT_THAT(std::string(run(feeds(0, 5, 0), general).status().message()), HasSubstr("KILN-R0031"));
}

TEST_F(ControlFlow, a_scan_walks_rows_both_ways) {
  auto x = g.placeholder("x", f64, {dim("n"), 2});
  auto body = [&](Value step, const Values& c, const Values& rows) {
    auto sum = c[0] + rows[0];
    return std::pair(Values{sum}, Values{sum * 1, cast(step, f64)});
  };
  auto zero = g.constant(Tensor(f64, {2}));
  auto forward = scan(g, {zero}, {x}, body);
  auto backward = scan(g, {zero}, {x}, body, {.name = "back", .length = {}, .reverse = true});
  EXPECT_EQ(forward.stacked[0].shape(), (Shape{dim("n"), 2}));
  const Tensor fed = Tensor::of<double>({3, 2}, {1, 2, 3, 4, 5, 6});
  auto found = run({{"x", fed}}, {forward.carries[0], forward.stacked[0], forward.stacked[1]}).value();
  EXPECT_THAT(listOf(found[0]), ElementsAre(9, 12));
  EXPECT_THAT(listOf(found[1]), ElementsAre(1, 2, 4, 6, 9, 12));
  EXPECT_THAT(listOf(found[2]), ElementsAre(0, 1, 2));
  found = run({{"x", fed}}, {backward.carries[0], backward.stacked[0], backward.stacked[1]}).value();
  EXPECT_THAT(listOf(found[1]), ElementsAre(9, 12, 8, 10, 5, 6));
  EXPECT_THAT(listOf(found[2]), ElementsAre(0, 1, 2));
  // Of no rows: the carries as they were.
  found = run({{"x", Tensor(f64, {0, 2})}}, {forward.carries[0], forward.stacked[0]}).value();
  EXPECT_THAT(listOf(found[0]), ElementsAre(0, 0));
  EXPECT_THAT(found[1].dims(), ElementsAre(0, 2));
}

TEST_F(ControlFlow, a_scan_along_another_axis_stacks_there) {
  auto x = g.placeholder("x", f64, {2, 3});
  auto total = scan(g, {g.constant(Tensor(f64, {2}))}, {x},
                    [&](Value, const Values& c, const Values& rows) {
                      auto sum = c[0] + rows[0];
                      return std::pair(Values{sum}, Values{sum});
                    },
                    {.name = "columns", .length = {}, .axis = 1});
  EXPECT_EQ(total.stacked[0].shape(), (Shape{2, 3}));
  const Tensor fed = Tensor::of<double>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(listOf(one({{"x", fed}}, total.stacked[0])), ElementsAre(1, 3, 6, 4, 9, 15));
}

TEST_F(ControlFlow, scans_without_rows_map_and_fold) {
  auto x = g.placeholder("x", f64, {4}), y = g.placeholder("y", f64, {4});
  auto powers = scan(g, {g.scalar(1, f64)}, {},
                     [&](Value, const Values& c, const Values&) { return std::pair(Values{c[0] * 2}, Values{c[0]}); },
                     {.name = "powers", .length = 5})
                    .stacked[0];
  auto products = map(g, {x, y}, [&](const Values& rows) { return Values{rows[0] * rows[1], rows[0] - rows[1]}; });
  auto dot = fold(g, {g.scalar(0, f64)}, {x, y},
                  [&](const Values& c, const Values& rows) { return Values{c[0] + rows[0] * rows[1]}; })[0];
  auto found = run({{"x", Tensor::of<double>({4}, {1, 2, 3, 4})}, {"y", Tensor::of<double>({4}, {5, 6, 7, 8})}},
                   {powers, products[0], products[1], dot})
                   .value();
  EXPECT_THAT(listOf(found[0]), ElementsAre(1, 2, 4, 8, 16));
  EXPECT_THAT(listOf(found[1]), ElementsAre(5, 12, 21, 32));
  EXPECT_THAT(listOf(found[2]), ElementsAre(-4, -4, -4, -4));
  EXPECT_EQ(found[3].at(0), 70);
}

TEST_F(ControlFlow, values_are_captured_through_two_levels) {
  auto x = g.placeholder("x", f64, {2}), w = g.variable("w", g.constant(Tensor::of<double>({2}, {10, 20})));
  auto y = forRange(
      g, 0, 3, 1, {x},
      [&](Value i, const Values& outer) {
        auto scaled = outer[0] * cast(i, f64);
        return forRange(
            g, 0, 2, 1, {outer[0]},
            [&](Value j, const Values& inner) {
              // From the main body, the outer body and this one.
              return Values{inner[0] + w + scaled + cast(j, f64)};
            },
            "inner");
      },
      "outer")[0];
  double a[2] = {1, 2};
  const double weights[2] = {10, 20};
  for (int i = 0; i < 3; ++i) {
    const double scaled[2] = {a[0] * i, a[1] * i};
    for (int j = 0; j < 2; ++j) {
      for (int k = 0; k < 2; ++k) {
        a[k] += weights[k] + scaled[k] + j;
      }
    }
  }
  EXPECT_THAT(listOf(one({{"x", Tensor::of<double>({2}, {1, 2})}}, y)), ElementsAre(a[0], a[1]));
  // One parameter for each value that is used, however often.
  const Function& body = graph_.functions().at("outer/body");
  EXPECT_EQ(body.parameters.size(), 3u);  // step, carry, w
  EXPECT_EQ(body.body.node(body.parameters[2].node).name, "captured/w");
}

TEST_F(ControlFlow, a_body_knows_the_dims_of_what_is_around_it) {
  auto x = g.placeholder("x", f32, {dim("batch"), 3});
  // No value of the loop has the axis `batch` before the body makes one.
  auto y = forRange(g, 0, 2, 1, {g.scalar(0, f32)}, [&](Value, const Values& c) {
    return Values{c[0] + reduceSum(full(g, {dim("batch"), 2}, 1, f32))};
  });
  EXPECT_EQ(one({{"x", Tensor(f32, {5, 3})}}, y[0]).at(0), 20);
  (void)x;
}

TEST_F(ControlFlow, shapes_known_outside_are_known_inside) {
  auto x = g.placeholder("x", f32, {6});
  auto lengths = g.makeNode("shape_value", {}, {{"shape", Shape{2, 3}}}, "lengths", std::source_location::current())[0];
  auto y = map(g, {expandDims(x, 0)}, [&](const Values& rows) {
    return g.makeNode("reshape", {rows[0], lengths}, {}, "", std::source_location::current());
  });
  EXPECT_EQ(y[0].shape(), (Shape{1, 2, 3}));
  EXPECT_TRUE(g.finish().ok());
}

TEST_F(ControlFlow, a_value_from_outside_may_be_a_result) {
  auto x = g.placeholder("x", f64, {}), c = g.placeholder("c", boolean, {});
  auto y = ifElse(g, c, [&] { return Values{x}; }, [&] { return Values{x * 2}; })[0];
  EXPECT_EQ(one({{"x", Tensor::scalar(4.0)}, {"c", Tensor::scalar(true)}}, y).at(0), 4);
  EXPECT_EQ(one({{"x", Tensor::scalar(4.0)}, {"c", Tensor::scalar(false)}}, y).at(0), 8);
}

TEST_F(ControlFlow, nested_loops_need_no_native_stack) {
  // 300 loops in each other, one step each.
  std::function<Values(int, Value)> nest = [&](int depth, Value x) -> Values {
    return depth == 0 ? Values{x + 1}
                      : forRange(g, 0, 1, 1, {x}, [&](Value, const Values& c) { return nest(depth - 1, c[0]); });
  };
  auto x = g.placeholder("x", f64, {});
  auto y = nest(300, x)[0];
  EXPECT_EQ(one({{"x", Tensor::scalar(1.0)}}, y).at(0), 2);
}

TEST_F(ControlFlow, many_steps_are_many) {
  auto y = whileLoop(
      g, {g.scalar(0, i64)}, [&](const Values& c) { return less(c[0], 20'000); },
      [&](Value step, const Values&) { return Values{step + 1}; });
  EXPECT_EQ(one({}, y[0]).at(0), 20'000);
}

TEST_F(ControlFlow, checkpoint_and_custom_gradient_run_their_function) {
  auto x = g.placeholder("x", f64, {2}), w = g.placeholder("w", f64, {2});
  auto kept = checkpoint(g, [&](const Values& in) { return Values{tanh(in[0]) * w}; }, {x})[0];
  auto custom = customGradient(
      g, [&](const Values& in) { return Values{in[0] * w, cast(in[0], i64)}; }, {x},
      [&](const Values& in, const Values& results, const Values& cotangents) {
        EXPECT_EQ(results.size(), 2u);
        EXPECT_EQ(cotangents.size(), 1u);  // of the float result
        return Values{cotangents[0] * w * in[0]};
      });
  auto found = run({{"x", Tensor::of<double>({2}, {1, 2})}, {"w", Tensor::of<double>({2}, {3, 4})}},
                   {kept, custom[0], custom[1]})
                   .value();
  EXPECT_THAT(listOf(found[0]), ElementsAre(std::tanh(1.0) * 3, std::tanh(2.0) * 4));
  EXPECT_THAT(listOf(found[1]), ElementsAre(3, 8));
  EXPECT_THAT(listOf(found[2]), ElementsAre(1, 2));
  // The captured value is an input, so it has a cotangent, which is zero.
  EXPECT_EQ(graph_.functions().at("custom_gradient/backward").results.size(), 2u);
}

TEST_F(ControlFlow, assertions_name_node_and_message) {
  auto x = g.placeholder("x", f64, {2});
  auto checked = assertThat(x, greater(x, 0.0), "x is positive").named("check");
  auto y = (checked * 2).named("y");
  EXPECT_THAT(listOf(one({{"x", Tensor::of<double>({2}, {1, 2})}}, y)), ElementsAre(2, 4));
  const std::string message(run({{"x", Tensor::of<double>({2}, {1, -2})}}, {y}).status().message());
  EXPECT_THAT(message, HasSubstr("KILN-R0043"));
  EXPECT_THAT(message, HasSubstr("'check'"));
  EXPECT_THAT(message, HasSubstr("x is positive"));
}

TEST_F(ControlFlow, prints_go_to_stderr_once_a_step) {
  auto y = forRange(g, 0, 2, 1, {g.scalar(1.5, f64)},
                    [&](Value, const Values& c) { return Values{print(c[0], 4).named("watched") * 2}; });
  testing::internal::CaptureStderr();
  EXPECT_EQ(one({}, y[0]).at(0), 6);
  const std::string printed = testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, HasSubstr("watched"));
  EXPECT_THAT(printed, HasSubstr("1.5"));
  EXPECT_THAT(printed, HasSubstr("3"));
}

TEST_F(ControlFlow, an_endless_loop_is_stopped) {
  auto y = whileLoop(
      g, {g.scalar(0, i64)}, [&](const Values& c) { return greaterEqual(c[0], 0); },
      [&](Value, const Values& c) { return Values{c[0] * 1}; });
  const auto late = run({}, y, {.cancel = nullptr, .deadline = std::chrono::milliseconds(20)});
  EXPECT_THAT(std::string(late.status().message()), HasSubstr("KILN-R0047"));
  std::atomic<bool> cancel = false;
  std::thread other([&] { cancel = true; });
  const auto cancelled = run({}, y, {.cancel = &cancel});
  other.join();
  EXPECT_THAT(std::string(cancelled.status().message()), HasSubstr("KILN-R0040"));
}

TEST_F(ControlFlow, transforms_are_left_to_the_compiler) {
  auto x = g.placeholder("x", f64, {2});
  auto batched = vmap(g, [](const Values& in) { return Values{in[0] * 2}; }, {x})[0];
  auto y = reduceSum(x * x);
  for (const Value& value : {batched, g.gradients({y}, {x})[0], jvp(g, {y}, {x}, {x})[0], jacobian(g, y, x),
                             hessian(g, y, x), hvp(g, y, x, x)}) {
    EXPECT_EQ(value.dtype(), f64);
  }
  EXPECT_EQ(hessian(g, y, x).shape(), (Shape{2, 2}));
  auto forward = jvp(g, {y}, {x}, {x})[0], all = jacobian(g, y, x);
  for (const Value& value : {batched, forward, all}) {
    const auto found = run({{"x", Tensor(f64, {2})}}, {value});
    EXPECT_THAT(std::string(found.status().message()), HasSubstr("KILN-G0307"));
  }
}

// --- bind_dim
// ----------------------------------------------------------------------------------------------------------

Node node(std::string name, const char* op, std::vector<ValueRef> inputs, Attributes attributes = {}) {
  Node made;
  made.name = std::move(name);
  made.op = findOp(op);
  made.inputs = std::move(inputs);
  made.attributes = std::move(attributes);
  return made;
}

TEST(BindDim, gives_later_nodes_their_lengths) {
  GraphData data;
  data.body.nodes = {
      node("n", "placeholder", {}, {{"dtype", i64}, {"shape", Shape{}}}),
      node("bound", "bind_dim", {{0, 0}}, {{"symbol", std::string("steps")}}),
      node("lengths", "shape_value", {}, {{"shape", Shape{dim("steps") + 1}}}),
      node("counted", "iota", {{2, 0}}, {{"axis", int64_t{0}}, {"dtype", i64}}),
      node("sum", "add", {{4, 0}, {1, 0}}),
  };
  data.body.nodes.insert(data.body.nodes.begin() + 4, node("total", "reduce_sum", {{3, 0}},
                                                           {{"axes", std::vector<int64_t>{0}}, {"keep_dims", false}}));
  auto graph = Graph::create(data);
  ASSERT_TRUE(graph.ok()) << graph.status();
  VariableStore store;
  Entry entry = makeEntry(*graph, "run", {"n"}, {"sum", "counted"}, {}).value();
  auto found = Interpreter().evaluate(*graph, entry, {Tensor::scalar<int64_t>(4)}, store);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0].at(0), 10 + 4);
  EXPECT_THAT((*found)[1].dims(), ElementsAre(5));
  found = Interpreter().evaluate(*graph, entry, {Tensor::scalar<int64_t>(-1)}, store);
  EXPECT_THAT(std::string(found.status().message()), HasSubstr("KILN-R0034"));
  // A value whose shape mentions the symbol needs what binds it.
  entry = makeEntry(*graph, "run", {"n"}, {"counted"}, {}).value();
  found = Interpreter().evaluate(*graph, entry, {Tensor::scalar<int64_t>(2)}, store);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT((*found)[0].dims(), ElementsAre(3));
  EXPECT_THAT(std::string(makeEntry(*graph, "run", {}, {"counted"}, {}).status().message()), HasSubstr("KILN-G0035"));
}

// --- random numbers
// ------------------------------------------------------------------------------------------------------

TEST_F(ControlFlow, every_step_of_a_loop_draws_other_numbers) {
  g.setSeed(7);
  auto draws = [&](const char* name) {
    return scan(g, {}, {},
                [&](Value, const Values&, const Values&) {
                  auto inner = scan(g, {}, {},
                                    [&](Value, const Values&, const Values&) {
                                      return std::pair(Values(), Values{randomUniform(g, {2}, f64)});
                                    },
                                    {.name = "inner", .length = 3});
                  return std::pair(Values(), Values{inner.stacked[0]});
                },
                {.name = name, .length = 4})
        .stacked[0];
  };
  auto all = draws("first");
  auto outside = randomUniform(g, {2}, f64);
  const Tensor found = one({}, all);
  std::set<double> distinct;
  for (double value : listOf(found)) {
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
    distinct.insert(value);
  }
  EXPECT_EQ(distinct.size(), 24u);
  EXPECT_EQ(store_.find(kRandomState)->at(1), 1) << "a run that draws advances the state";
  const Tensor later = one({}, all);
  EXPECT_FALSE(later.identicalTo(found));
  // The same state draws the same numbers.
  store_.set(std::string(kRandomState), Tensor::of<int64_t>({2}, {7, 0}));
  EXPECT_TRUE(one({}, all).identicalTo(found));
  EXPECT_TRUE(run({}, {outside}).ok());
}

TEST_F(ControlFlow, branches_draw_too) {
  auto c = g.placeholder("c", boolean, {});
  auto y = ifElse(
      g, c, [&] { return Values{randomNormal(g, {3}, f64)}; }, [&] { return Values{g.constant(Tensor(f64, {3}))}; })[0];
  const Tensor first = one({{"c", Tensor::scalar(true)}}, y);
  EXPECT_FALSE(first.identicalTo(Tensor(f64, {3})));
  EXPECT_FALSE(one({{"c", Tensor::scalar(true)}}, y).identicalTo(first));
}

// --- tensor lists
// --------------------------------------------------------------------------------------------------------

TEST_F(ControlFlow, a_list_grows_in_a_loop) {
  auto n = g.placeholder("n", i64, {});
  auto start = TensorList::create(g, f64, {2}, 6);
  auto state = forRange(g, 0, n, 1, start.state(), [&](Value i, const Values& c) {
    auto list = TensorList::fromState(c);
    return list.append(broadcastTo(cast(i * i, f64), {2})).state();
  });
  auto list = TensorList::fromState(state);
  auto changed = list.set(1, g.constant(Tensor::of<double>({2}, {-1, -2})));
  auto last = list.get(list.size() - 1);
  auto feed = [](int64_t value) { return std::vector<std::pair<std::string, Tensor>>{{"n", Tensor::scalar(value)}}; };
  auto found = run(feed(4), {list.stack(), list.size(), last, changed.stack()}).value();
  EXPECT_THAT(listOf(found[0]), ElementsAre(0, 0, 1, 1, 4, 4, 9, 9, 0, 0, 0, 0));
  EXPECT_EQ(found[1].at(0), 4);
  EXPECT_THAT(listOf(found[2]), ElementsAre(9, 9));
  EXPECT_THAT(listOf(found[3]), ElementsAre(0, 0, -1, -2, 4, 4, 9, 9, 0, 0, 0, 0));
  EXPECT_TRUE(run(feed(6), {list.stack()}).ok());
  const auto overfull = run(feed(7), {list.stack()});
  EXPECT_THAT(std::string(overfull.status().message()), HasSubstr("KILN-R0030"));
}

TEST_F(ControlFlow, a_list_has_no_element_out_of_range) {
  auto i = g.placeholder("i", i64, {});
  auto list = TensorList::create(g, f64, {}, 4).append(g.scalar(5, f64)).append(g.scalar(6, f64));
  auto read = list.get(i);
  auto written = list.set(i, g.scalar(1, f64)).stack();
  for (int64_t index : {0, 1}) {
    EXPECT_EQ(one({{"i", Tensor::scalar(index)}}, read).at(0), 5 + static_cast<double>(index));
    EXPECT_TRUE(run({{"i", Tensor::scalar(index)}}, {written}).ok());
  }
  for (int64_t index : {-1, 2, 3, 4, 100}) {  // 2 and 3 have room, and no element
    for (const Value& fetch : {read, written}) {
      EXPECT_THAT(std::string(run({{"i", Tensor::scalar(index)}}, {fetch}).status().message()), HasSubstr("KILN-R0030"))
          << index;
    }
  }
}

}  // namespace
}  // namespace kiln
