// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graphs with every op that names functions, written and read again.
#include <algorithm>
#include <set>

#include "gmock/gmock.h"
#include "graph/build/operations.h"
#include "graph/build/transforms.h"
#include "graph/io/graph_io.h"
#include "gtest/gtest.h"
#include "proto/codec/test_util.h"

namespace kiln {
namespace {

using testing::HasSubstr;

// One node of each op of control/, some of them in bodies.
Graph everything() {
  GraphBuilder g("everything");
  auto x = g.placeholder("x", f64, {dim("batch"), 2}), flag = g.placeholder("flag", boolean, {}),
       n = g.placeholder("n", i64, {});
  g.function("square", {{f64, Shape{dim("m"), 2}}}, [](const Values& a) { return Values{a[0] * a[0]}; });
  auto y = g.call("square", {x})[0];
  y = ifElse(g, flag, [&] { return Values{y * 2}; }, [&] { return Values{y + x}; })[0];
  y = switchCase(g, n, {[&] { return Values{y}; }, [&] { return Values{-y}; }, [&] { return Values{y * y}; }})[0];
  auto looped = whileLoop(
      g, {y}, [&](const Values& c) { return less(reduceSum(c[0]), 100.0); },
      [&](Value, const Values& c) {
        auto inner = forRange(g, 0, n, 1, c, [&](Value, const Values& d) { return Values{d[0] + x}; });
        return Values{inner[0], reduceSum(inner[0])};
      },
      {.name = "grow", .maxSteps = 8});
  auto scanned = scan(g, {g.constant(Tensor(f64, {2}))}, {looped[0]},
                      [&](Value, const Values& c, const Values& rows) {
                        return std::pair(Values{c[0] + rows[0]}, Values{rows[0] * c[0]});
                      },
                      {.length = {}, .reverse = true});
  auto mapped = vmap(g, [&](const Values& in) { return Values{in[0] * 2}; }, {scanned.stacked[0]}, {1}, {1})[0];
  auto kept = checkpoint(g, [&](const Values& in) { return Values{tanh(in[0])}; }, {mapped})[0];
  auto custom = customGradient(
      g, [](const Values& in) { return Values{exp(in[0])}; }, {kept},
      [](const Values&, const Values& results, const Values& cotangents) {
        return Values{results[0] * cotangents[0]};
      })[0];
  auto loss = reduceSum(custom);
  auto gradient = g.gradients({loss}, {x})[0];
  auto moved = jvp(g, {loss}, {x}, {x})[0];
  auto all = jacobian(g, scanned.carries[0], x);
  auto checked = assertThat(stopGradient(moved), greater(moved, 0.0), "it moves \"up\"");
  auto shown = print(optimizationBarrier(g, {checked, gradient})[0], 3);
  g.entry("all", {.feeds = {x, flag, n}, .fetches = {shown, all}});
  auto graph = g.finish();
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *graph : Graph();
}

TEST(ControlFlowIo, binary_and_text_read_back_equal) {
  TemporaryFolder folder;
  const Graph graph = everything();
  std::set<std::string_view> ops;
  auto collect = [&](const Body& body) {
    for (const Node& node : body.nodes) {
      if (node.op->family == "control") {
        ops.insert(node.op->name);
      }
    }
  };
  collect(graph.body());
  for (const auto& [name, function] : graph.functions()) {
    collect(function.body);
  }
  for (const OpSchema& op : allOps()) {
    EXPECT_TRUE(op.family != "control" || op.name == "bind_dim" || ops.contains(op.name)) << op.name;
  }
  for (const char* name : {"m.graph.pb", "m.pbtxt"}) {
    ASSERT_TRUE(writeGraph(graph, folder / name).ok());
    auto read = readGraph(folder / name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(*read == graph);
    EXPECT_EQ(toString(*read), toString(graph));
  }
}

TEST(ControlFlowIo, names_of_functions_are_printed_and_compared) {
  const Graph graph = everything();
  const std::string text = toString(graph);
  EXPECT_THAT(text, HasSubstr("branches = [\"switch/branch0\", \"switch/branch1\", \"switch/branch2\"]"));
  EXPECT_THAT(text, HasSubstr("condition = \"grow/condition\""));
  GraphData other = graph.data();
  for (Node& node : other.body.nodes) {
    if (node.op->name == "switch_case") {
      node.attributes.set("branches", std::vector<std::string>{"switch/branch1", "switch/branch0", "switch/branch2"});
    }
  }
  auto changed = Graph::create(other);
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_FALSE(*changed == graph);
}

class BrokenControlFlow : public testing::Test {
 protected:
  // The error of the graph after `change` of its node of that op.
  std::string refused(std::string_view op, const std::function<void(wire::NodeDef&)>& change) {
    GraphProto proto = graphToProto(everything(), {.isSelfContained = true});
    for (wire::NodeDef& node : *proto.def.mutable_node()) {
      if (node.op() == op || node.op() == "kiln." + std::string(op)) {
        change(node);
      }
    }
    auto read = graphFromProto(proto.def);
    return read.ok() ? "" : std::string(read.status().message());
  }
};

TEST_F(BrokenControlFlow, functions_that_do_not_exist) {
  EXPECT_THAT(refused("switch_case",
                      [](wire::NodeDef& node) {
                        (*node.mutable_attr())["branches"].mutable_list()->mutable_func(1)->set_name("switch/branch9");
                      }),
              testing::AllOf(HasSubstr("KILN-G0007"), HasSubstr("'switch/branch9'"), HasSubstr("did you mean")));
  EXPECT_THAT(refused("while_loop",
                      [](wire::NodeDef& node) { (*node.mutable_attr())["body"].mutable_func()->set_name("nowhere"); }),
              HasSubstr("KILN-G0007"));
}

TEST_F(BrokenControlFlow, functions_of_other_types) {
  EXPECT_THAT(refused("while_loop",
                      [](wire::NodeDef& node) { (*node.mutable_attr())["body"].mutable_func()->set_name("square"); }),
              HasSubstr("KILN-O0140"));
  EXPECT_THAT(refused("if_else", [](wire::NodeDef& node) { (*node.mutable_attr())["then_branch"].set_i(3); }),
              HasSubstr("KILN-O0105"));
}

TEST_F(BrokenControlFlow, names_that_stand_for_far_more_than_the_file_has) {
  GraphBuilder g("wide");
  g.function("wide", std::vector<ValueType>(1024, {f32, Shape{}}), [](const Values& a) { return Values{a[0]}; });
  auto n = g.placeholder("n", i64, {});
  switchCase(g, n, {[&] { return Values{n}; }});
  GraphProto proto = graphToProto(g.finish().value(), {.isSelfContained = true});
  for (wire::NodeDef& node : *proto.def.mutable_node()) {
    for (int i = 0; i < 5000 && node.attr().contains("branches"); ++i) {
      (*node.mutable_attr())["branches"].mutable_list()->add_func()->set_name("wide");
    }
  }
  EXPECT_THAT(std::string(graphFromProto(proto.def).status().message()), HasSubstr("KILN-G0408"));
}

TEST_F(BrokenControlFlow, lists_of_two_kinds) {
  EXPECT_THAT(
      refused("switch_case", [](wire::NodeDef& node) { (*node.mutable_attr())["branches"].mutable_list()->add_i(3); }),
      testing::AllOf(HasSubstr("KILN-G0403"), HasSubstr("both functions and integers")));
}

TEST_F(BrokenControlFlow, a_body_that_runs_itself) {
  GraphProto proto = graphToProto(everything(), {.isSelfContained = true});
  for (wire::FunctionDef& function : *proto.def.mutable_library()->mutable_function()) {
    for (wire::NodeDef& node : *function.mutable_node_def()) {
      if (node.op() == "for_range" || node.op() == "kiln.for_range") {
        (*node.mutable_attr())["body"].mutable_func()->set_name("grow/body");
      }
    }
  }
  EXPECT_THAT(std::string(graphFromProto(proto.def).status().message()),
              testing::AllOf(HasSubstr("KILN-G0006"), HasSubstr("'grow/body' calls 'grow/body'")));
}

TEST(ControlFlowIo, the_order_of_bind_dim_is_kept) {
  GraphData data;
  auto add = [&](const char* name, const char* op, std::vector<ValueRef> inputs, Attributes attributes) {
    Node& node = data.body.nodes.emplace_back();
    node.name = name;
    node.op = findOp(op);
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
  };
  add("n", "placeholder", {}, {{"dtype", i64}, {"shape", Shape{}}});
  add("z_bound", "bind_dim", {{0, 0}}, {{"symbol", std::string("steps")}});
  add("a_lengths", "shape_value", {}, {{"shape", Shape{dim("steps")}}});
  add("counted", "iota", {{2, 0}}, {{"axis", int64_t{0}}, {"dtype", i64}});
  add("sum", "add", {{1, 0}, {1, 0}}, {});
  add("all", "reduce_sum", {{3, 0}}, {{"axes", std::vector<int64_t>{0}}, {"keep_dims", false}});
  add("both", "add", {{4, 0}, {5, 0}}, {});
  data.entries = {{"run", {{"n", {0, 0}}}, {{"both", {6, 0}}}, {}, {}}};
  auto graph = Graph::create(data);
  ASSERT_TRUE(graph.ok()) << graph.status();
  auto read = graphFromProto(graphToProto(*graph, {.isSelfContained = true}).def);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == *graph);
}

}  // namespace
}  // namespace kiln
