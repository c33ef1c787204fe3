// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/schema.h"

#include <set>

#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

TEST(OpTable, is_sorted_and_finds_every_op) {
  ASSERT_GE(allOps().size(), 61u);
  std::string_view last;
  for (const OpSchema& op : allOps()) {
    EXPECT_LT(last, op.name);
    last = op.name;
    EXPECT_EQ(findOp(op.name), &op);
    EXPECT_EQ(findOp("kiln." + std::string(op.name)), &op);
  }
  EXPECT_EQ(findOp("matmull"), nullptr);
  EXPECT_EQ(findOp(""), nullptr);
  EXPECT_EQ(findOp("kiln."), nullptr);
}

TEST(OpTable, every_row_is_complete) {
  const std::set<std::string_view> handled = {"placeholder", "variable", "assign", "group"};
  for (const OpSchema& op : allOps()) {
    SCOPED_TRACE(op.name);
    EXPECT_NE(op.inferShape, nullptr);
    // What calls functions, and what stands for a derivative, has no loops over elements of its own.
    const bool isInterpreted = handled.contains(op.name) || op.family == "control";
    EXPECT_TRUE(op.reference != nullptr || isInterpreted);
    EXPECT_FALSE(op.summary.empty());
    EXPECT_NE(op.description.find("- (C1) "), std::string_view::npos);
    EXPECT_EQ(op.gradient == GradientKind::kNone, !op.noGradientReason.empty());
    EXPECT_GE(op.since, 1);
    EXPECT_TRUE((std::set<std::string_view>{"any", "positive", "unit", "nonzero", "custom"}).contains(op.sweep));
    std::set<std::string_view> names;
    for (const auto* values : {&op.operands, &op.results}) {
      for (const OperandSpec& value : *values) {
        EXPECT_TRUE(names.insert(value.name).second) << value.name;
        EXPECT_FALSE(value.dtypes.empty());
        EXPECT_FALSE(value.dtypeSummary.empty());
      }
    }
    for (const AttributeSpec& attribute : op.attributes) {
      EXPECT_TRUE(names.insert(attribute.name).second) << attribute.name;
    }
  }
}

TEST(OpTable, rows_say_what_the_entries_say) {
  const OpSchema& matmul = *findOp("matmul");
  EXPECT_EQ(matmul.family, "contraction");
  EXPECT_EQ(matmul.operands.size(), 2u);
  EXPECT_EQ(matmul.operands[1].name, "b");
  EXPECT_EQ(matmul.gradient, GradientKind::kLinear);
  EXPECT_EQ(matmul.tolerance.kind, ToleranceKind::kSumUlp);
  EXPECT_EQ(matmul.tolerance.amount, 64);
  ASSERT_EQ(matmul.attributes.size(), 2u);
  EXPECT_EQ(matmul.attributes[0].defaultValue, Attribute(false));
  EXPECT_TRUE(findOp("div")->mayFault);
  EXPECT_TRUE(findOp("div")->isElementwise);
  EXPECT_TRUE(findOp("softmax")->isComposite);
  EXPECT_TRUE(findOp("concat")->operands[0].isVariadic);
  EXPECT_EQ(findOp("call")->operands[0].name, "arguments");
  EXPECT_EQ(findOp("adam")->attributes[2].defaultValue, Attribute(1e-8));
}

TEST(InferNode, counts_operands) {
  EXPECT_THAT(infer("add", {type(f32, {})}), fails("O0101", "found 1 operands, wanted 2"));
  EXPECT_THAT(infer("tanh", {type(f32, {}), type(f32, {})}), fails("O0101", "found 2 operands, wanted 1"));
}

TEST(InferNode, checks_element_types) {
  EXPECT_THAT(infer("tanh", {type(i32, {2})}),
              fails("O0102", "operand 'x' is i32[2], wanted a float tensor (f16, bf16, f32, f64)"));
  EXPECT_THAT(infer("concat", {type(f32, {2}), type(DType::kC64, {2})}, {{"axis", int64_t{0}}}),
              fails("O0102", "operand 'inputs[1]' is c64[2]"));
  EXPECT_THAT(infer("random_uniform", {type(i64, {2}), type(i64, {1})}, {{"op_id", int64_t{0}}, {"dtype", i32}},
                    {std::nullopt, {{Dim(3)}}}),
              fails("O0135", "result 'result' would be i32[3], wanted a float tensor"));
}

TEST(InferNode, checks_attributes_and_fills_defaults) {
  const std::vector<ValueType> x = {type(f32, {2, 3})};
  EXPECT_THAT(infer("softmax", x, {{"axs", int64_t{0}}}),
              fails("O0103", "kiln.softmax has no attribute 'axs'; did you mean 'axis'?"));
  EXPECT_THAT(infer("tanh", x, {{"axis", int64_t{0}}}), fails("O0103", "it has none"));
  EXPECT_THAT(infer("argmax", x), fails("O0104", "attribute 'axis' is missing, wanted an integer"));
  EXPECT_THAT(infer("softmax", x, {{"axis", 1.0}}),
              fails("O0105", "attribute 'axis' is 1.0: found a float, wanted an integer"));
  EXPECT_THAT(infer("constant", {}, {{"value", TensorPtr()}}), fails("O0105", "no tensor"));

  Attributes attributes;
  ShapeContext context;
  context.operands = x;
  ASSERT_TRUE(inferNode(*findOp("softmax"), attributes, context).ok());
  EXPECT_EQ(attributes.get<int64_t>("axis"), -1);
}

TEST(InferNode, takes_an_integer_for_a_float_attribute) {
  Attributes attributes = {{"weight_decay", int64_t{1}}};
  const std::vector<ValueType> operands = {type(f64, {}), type(f64, {}), type(f64, {})};
  ShapeContext context;
  context.operands = operands;
  ASSERT_TRUE(inferNode(*findOp("sgd"), attributes, context).ok());
  EXPECT_EQ(attributes.get<double>("weight_decay"), 1.0);
}

TEST(RunReference, names_an_op_that_it_cannot_run) {
  EXPECT_EQ(errorIdOf(runReference("no_such_op", {}).status()), "KILN-O0106");
  EXPECT_EQ(errorIdOf(runReference("group", {}).status()), "KILN-O0106");
  EXPECT_EQ(errorIdOf(inferTypes("no_such_op", {}).status()), "KILN-O0106");
}

}  // namespace
}  // namespace kiln::ops
