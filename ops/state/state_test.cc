// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

TEST(Placeholder, c1_type) {
  EXPECT_EQ(infer("placeholder", {}, {{"dtype", f32}, {"shape", Shape{dim("batch"), 64}}}), "f32[batch, 64]");
  EXPECT_THAT(infer("placeholder", {}, {{"dtype", f32}, {"shape", Shape{-1, 64}}}),
              fails("O0115", "'shape' is [-1, 64]: dimension 0 is -1"));
  EXPECT_THAT(infer("placeholder", {}, {{"dtype", DType::kString}, {"shape", Shape{}}}), fails("O0135", "string[]"));
}

TEST(Variable, c1_shape_is_static) {
  EXPECT_THAT(infer("variable", {}, {{"dtype", f32}, {"shape", Shape{dim("n")}}}), fails("O0136", "found [n]"));
  EXPECT_THAT(infer("variable", {}, {{"dtype", f32}, {"shape", Shape{-2}}}), fails("O0115", "-2"));
  EXPECT_EQ(infer("variable", {}, {{"dtype", i64}, {"shape", Shape{2}}}), "i64[2]");
}

TEST(Constant, c1_type_and_reference) {
  const TensorPtr value = std::make_shared<const Tensor>(tensor(f32, {2}, {kNan, -0.0}));
  EXPECT_EQ(infer("constant", {}, {{"value", value}}), "f32[2]");
  EXPECT_TRUE(run("constant", {}, {{"value", value}}).identicalTo(*value));
}

TEST(ShapeValue, c1_and_reference) {
  const Dim n = dim("n");
  const Attributes attributes = {{"shape", Shape{n + n, 3, n * n + 1}}};
  EXPECT_EQ(infer("shape_value", {}, attributes), "i64[3]");
  auto value = runReference("shape_value", {}, attributes, {{"n", 5}});
  ASSERT_TRUE(value.ok()) << value.status();
  expectValues(value->front(), {3}, {10, 3, 26});
  expectValues(run("shape_value", {}, {{"shape", Shape{}}}), {0}, {});
}

TEST(Assign, c2_types) {
  EXPECT_THAT(infer("assign", {type(f32, {2}), type(f64, {2})}), fails("O0108", "variable is f32[2], value is f64[2]"));
  EXPECT_THAT(infer("assign", {type(f32, {2}), type(f32, {dim("n")})}),
              fails("O0109", "variable is [2], value is [n]"));
  EXPECT_EQ(infer("assign", {type(f32, {2}), type(f32, {2})}), "f32[2]");
}

TEST(Group, has_no_results) {
  auto types = inferTypes("group", {type(f32, {}), type(i32, {2})});
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_TRUE(types->empty());
}

}  // namespace
}  // namespace kiln::ops
