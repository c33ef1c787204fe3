// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/test_nodes.h"
#include "proto/codec/test_util.h"

namespace kiln::onnx::testing {
namespace {

// A graph attribute: nodes, then the names of inputs and outputs.
std::string body(const std::string& name, const std::string& nodes, const std::vector<std::string>& inputs,
                 const std::vector<std::string>& outputs) {
  std::string text = " attribute { name: '" + name + "' type: GRAPH g { name: 'body' " + nodes;
  for (const std::string& input : inputs) {
    text += " input { name: '" + input + "' }";
  }
  for (const std::string& output : outputs) {
    text += " output { name: '" + output + "' }";
  }
  return text + " } }";
}

std::string node(const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                 const std::string& attributes = "") {
  std::string text = " node { op_type: '" + op + "'";
  for (const std::string& input : inputs) {
    text += " input: '" + input + "'";
  }
  return text + " output: '" + output + "'" + attributes + " }";
}

std::string constant(const std::string& output, int64_t value) {
  return node("Constant", {}, output, integerAttribute("value_int", value));
}

const std::string kNegateOrDouble = body("then_branch", node("Neg", {"b"}, "n"), {}, {"n"}) +
                                    body("else_branch", node("Add", {"b", "b"}, "d"), {}, {"d"});

TEST(OnnxIf, branches_see_the_values_around_them) {
  const TestNode choose{"If", kNegateOrDouble};
  // The branches read b, which is an input of the model and none of the node.
  ModelProto model =
      nodeModel("op_type: 'If' input: 'a' output: 'y'" + kNegateOrDouble, {bools({}, {true}), floats({2}, {1, 2})});
  auto found = runModel(model, {bools({}, {true}), floats({2}, {1, 2})});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], floats({2}, {-1, -2})));
  found = runModel(model, {bools({}, {false}), floats({2}, {1, 2})});
  EXPECT_TRUE(holds((*found)[0], floats({2}, {2, 4})));
}

TEST(OnnxIf, a_condition_that_is_known_takes_one_branch_of_any_shape) {
  // As the condition is an input, it is built in: the shapes differ.
  const std::string branches =
      body("then_branch", node("Neg", {"b"}, "n"), {}, {"n"}) +
      body("else_branch", node("ReduceSum", {"b"}, "s", integerAttribute("keepdims", 0)), {}, {"s"});
  ModelProto model =
      nodeModel("op_type: 'If' input: 'a' output: 'y'" + branches, {bools({}, {true}), floats({2}, {1, 2})});
  auto found = runModel(model, {bools({}, {false}), floats({2}, {1, 2})});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], floats({}, {3})));
}

// An If whose condition is whether the largest element of the data a is not 0; the branches see b.
StatusOr<std::vector<Tensor>> runByData(const std::string& branches, float data, const Tensor& b) {
  const Tensor a = floats({5000}, std::vector<float>(5000, data));
  ModelProto model = nodeModel("op_type: 'ReduceMax' input: 'a' output: 'm'" + integerAttribute("keepdims", 0), {a, b});
  for (const std::string& text : {"op_type: 'Cast' input: 'm' output: 'c'" + integerAttribute("to", TensorProto::BOOL),
                                  "op_type: 'If' input: 'c' output: 'y'" + branches}) {
    if (!google::protobuf::TextFormat::ParseFromString(text, model.mutable_graph()->add_node())) {
      ADD_FAILURE() << text;
    }
  }
  model.mutable_graph()->mutable_output(0)->set_name("y");
  return runModel(model, {a, b});
}

TEST(OnnxIf, branches_of_other_types_by_a_condition_of_the_run_are_refused) {
  const std::string branches = body("then_branch", node("Neg", {"b"}, "n"), {}, {"n"}) +
                               body("else_branch", node("Shape", {"b"}, "s"), {}, {"s"});
  EXPECT_TRUE(
      failsWith(runByData(branches, 1, floats({2}, {1, 2})), "KILN-G0501", "by a condition that only the run knows"));
}

TEST(OnnxIf, branches_of_other_lengths_by_a_condition_of_the_run_have_the_length_that_the_run_finds) {
  const std::string branches =
      body("then_branch", node("Neg", {"b"}, "n"), {}, {"n"}) +
      body("else_branch", node("Concat", {"b", "b"}, "d", integerAttribute("axis", 0)), {}, {"d"});
  auto found = runByData(branches, 1, floats({2}, {1, 2}));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], floats({2}, {-1, -2})));
  found = runByData(branches, 0, floats({2}, {1, 2}));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], floats({4}, {1, 2, 1, 2})));
}

TEST(OnnxLoop, counts_and_stacks) {
  // v = v + step; rows are v.
  const std::string sum = body("body",
                               node("Cast", {"i"}, "f", integerAttribute("to", 1)) + node("Add", {"v", "f"}, "w") +
                                   node("Identity", {"c"}, "go") + node("Identity", {"w"}, "row"),
                               {"i", "c", "v"}, {"go", "w", "row"});
  TestNode loop{"Loop", sum};
  EXPECT_TRUE(gives(loop, {longs({}, {4}), bools({}, {true}), floats({1}, {10})},
                    {floats({1}, {16}), floats({4, 1}, {10, 11, 13, 16})}));
  EXPECT_TRUE(gives(loop, {longs({1}, {3}), Tensor(), floats({}, {1})}, {floats({}, {4}), floats({3}, {1, 2, 4})}));
  EXPECT_TRUE(gives(loop, {longs({}, {4}), bools({}, {false}), floats({}, {1})}, {floats({}, {1}), floats({0}, {})}));
}

const std::string kUntilTen =
    body("body",
         node("Add", {"v", "v"}, "w") + node("Constant", {}, "ten", numberAttribute("value_float", 10)) +
             node("Less", {"w", "ten"}, "go") + node("Neg", {"w"}, "row"),
         {"i", "c", "v"}, {"go", "w", "row"});

TEST(OnnxLoop, ends_when_its_condition_says_so) {
  EXPECT_TRUE(gives({"Loop", kUntilTen}, {longs({}, {100}), bools({}, {true}), floats({}, {1})},
                    {floats({}, {16}), floats({4}, {-2, -4, -8, -16})}));
  // Without a count, and with one that is reached first.
  EXPECT_TRUE(gives({"Loop", kUntilTen}, {Tensor(), bools({}, {true}), floats({}, {1})},
                    {floats({}, {16}), floats({4}, {-2, -4, -8, -16})}));
  EXPECT_TRUE(gives({"Loop", kUntilTen}, {longs({}, {2}), Tensor(), floats({}, {1})},
                    {floats({}, {4}), floats({2}, {-2, -4})}));
  EXPECT_TRUE(gives({"Loop", kUntilTen}, {longs({}, {2}), bools({}, {false}), floats({}, {1})},
                    {floats({}, {1}), floats({0}, {})}));
}

TEST(OnnxLoop, what_grows_from_step_to_step_is_written_out) {
  const std::string grow =
      body("body", node("Concat", {"v", "b"}, "w", integerAttribute("axis", 0)) + node("Identity", {"c"}, "go"),
           {"i", "c", "v"}, {"go", "w"});
  ModelProto model = nodeModel("op_type: 'Loop' input: 'a' input: '' input: 'b' output: 'y'" + grow,
                               {longs({}, {3}), floats({1}, {7})});
  auto found = runModel(model, {longs({}, {3}), floats({1}, {7})});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], floats({4}, {7, 7, 7, 7})));
  found = runModel(model, {longs({}, {1000}), floats({1}, {7})});
  EXPECT_TRUE(failsWith(found, "KILN-G0501", "more than 64 steps"));
}

TEST(OnnxLoop, slices_by_the_counter_have_known_and_found_lengths) {
  const std::string zero = node("Constant", {}, "zero", integersAttribute("value_ints", {0}));
  const std::string next = constant("one", 1) + node("Add", {"i", "one"}, "j");
  const std::string rows = body(
      "body",
      zero + next + node("Unsqueeze", {"i", "zero"}, "from") + node("Unsqueeze", {"j", "zero"}, "to") +
          node("Slice", {"b", "from", "to", "zero"}, "row") + node("Squeeze", {"row", "zero"}, "one_row") +
          node("Slice", {"b", "zero", "to", "zero"}, "head") +
          node("ReduceSum", {"head", "zero"}, "sum", integerAttribute("keepdims", 0)) + node("Identity", {"c"}, "go"),
      {"i", "c"}, {"go", "one_row", "sum"});
  const Tensor x = floats({3, 2}, {1, 2, 3, 4, 5, 6});
  ModelProto model = nodeModel("op_type: 'Loop' input: 'a' output: 'y' output: 'z'" + rows, {longs({}, {3}), x});
  const auto found = runModel(model, {longs({}, {3}), x});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(holds((*found)[0], x));
  EXPECT_TRUE(holds((*found)[1], floats({3, 2}, {1, 2, 4, 6, 9, 12})));
}

TEST(OnnxLoop, without_end_is_invalid) {
  const std::string forever =
      body("body", node("Identity", {"c"}, "go") + node("Neg", {"v"}, "w"), {"i", "c", "v"}, {"go", "w"});
  EXPECT_TRUE(failsWith(TestNode({"Loop", forever}).run({Tensor(), bools({}, {true}), floats({}, {1})}), "KILN-G0502",
                        "no end"));
  EXPECT_TRUE(
      failsWith(TestNode({"Loop", forever}).run({longs({}, {1}), bools({}, {true})}), "KILN-G0502", "its body has"));
}

TEST(OnnxScan, directions_and_axes) {
  const std::string sum =
      body("body", node("Add", {"s", "x"}, "t") + node("Identity", {"t"}, "row"), {"s", "x"}, {"t", "row"});
  const Tensor zero = floats({2}, {0, 0}), x = floats({2, 3}, {1, 2, 3, 10, 20, 30});
  const std::string one = integerAttribute("num_scan_inputs", 1);
  EXPECT_TRUE(gives({"Scan", sum + one + integersAttribute("scan_input_axes", {1})}, {zero, x},
                    {floats({2}, {6, 60}), floats({3, 2}, {1, 10, 3, 30, 6, 60})}));
  EXPECT_TRUE(gives(
      {"Scan", sum + one + integersAttribute("scan_input_axes", {-1}) +
                   integersAttribute("scan_input_directions", {1}) + integersAttribute("scan_output_directions", {1}) +
                   integersAttribute("scan_output_axes", {-1})},
      {zero, x}, {floats({2}, {6, 60}), floats({2, 3}, {6, 5, 3, 60, 50, 30})}));
  EXPECT_FALSE(TestNode({"Scan", sum + integerAttribute("num_scan_inputs", 3)}).run({zero, x}).ok());
}

TEST(OnnxScan, bodies_nest) {
  // Each row's running sums, by a scan in a scan.
  const std::string inner =
      node("Scan", {"zero", "row"}, "last' output: 'sums",
           integerAttribute("num_scan_inputs", 1) +
               body("body", node("Add", {"p", "q"}, "r") + node("Identity", {"r"}, "each"), {"p", "q"}, {"r", "each"}));
  const std::string outer = body(
      "body",
      node("Constant", {}, "zero", numberAttribute("value_float", 0)) + inner + node("Add", {"s", "last"}, "total"),
      {"s", "row"}, {"total", "sums"});
  EXPECT_TRUE(gives({"Scan", outer + integerAttribute("num_scan_inputs", 1)},
                    {floats({}, {0}), floats({2, 3}, {1, 2, 3, 4, 5, 6})},
                    {floats({}, {21}), floats({2, 3}, {1, 3, 6, 4, 9, 15})}));
}

}  // namespace
}  // namespace kiln::onnx::testing
