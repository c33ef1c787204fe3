// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

std::string call(const std::vector<ValueType>& arguments, const std::vector<ValueType>& parameters,
                 const std::vector<ValueType>& results) {
  Attributes attributes = {{"callee", std::string("f")}};
  ShapeContext context;
  context.operands = arguments;
  const std::vector<CalleeTypes> callees = {{"f", parameters, results}};
  context.callees = callees;
  Status status = inferNode(*findOp("call"), attributes, context);
  return status.ok() ? context.results.front().toString() : std::string(status.message());
}

TEST(Call, c2_binds_symbols_to_arguments) {
  const Dim n = dim("n");
  EXPECT_EQ(call({type(f32, {dim("batch"), 3})}, {type(f32, {n, 3})}, {type(f64, {n * n + 1})}), "f64[batch*batch+1]");
  EXPECT_EQ(call({type(f32, {8}), type(f32, {4})}, {type(f32, {n + n}), type(f32, {n})}, {type(f32, {n})}), "f32[4]");
  // The caller's n is another than the callee's.
  EXPECT_EQ(call({type(f32, {n + 1})}, {type(f32, {n})}, {type(f32, {n})}), "f32[n+1]");
}

TEST(Call, c2_arguments_do_not_fit) {
  const Dim n = dim("n");
  EXPECT_THAT(call({}, {type(f32, {})}, {}), fails("O0125", "function 'f' takes 1 arguments, found 0"));
  EXPECT_THAT(call({type(f64, {})}, {type(f32, {})}, {}),
              fails("O0126", "argument 0 is f64[], and the parameter is f32[]"));
  EXPECT_THAT(call({type(f32, {2})}, {type(f32, {})}, {}), fails("O0126", "f32[2]"));
  EXPECT_THAT(call({type(f32, {2, 3})}, {type(f32, {n, n})}, {}),
              fails("O0126", "argument 0 is f32[2, 3], and the parameter is f32[n, n]"));
  EXPECT_THAT(call({type(f32, {4})}, {type(f32, {n + n})}, {}), fails("O0127", "dimension 'n'"));
}

TEST(Gradients, c1_results_have_the_types_of_xs) {
  Attributes attributes = {{"num_ys", int64_t{1}}, {"num_xs", int64_t{2}}};
  auto types = inferTypes("gradients", {type(f32, {}), type(f32, {2}), type(f64, {dim("n")})}, attributes);
  ASSERT_TRUE(types.ok()) << types.status();
  ASSERT_EQ(types->size(), 2u);
  EXPECT_EQ((*types)[0].toString(), "f32[2]");
  EXPECT_EQ((*types)[1].toString(), "f64[n]");
}

TEST(Gradients, counts_and_kinds) {
  Attributes one = {{"num_ys", int64_t{1}}, {"num_xs", int64_t{1}}};
  EXPECT_THAT(infer("gradients", {type(f32, {})}, one), fails("O0128", "1 ys and 1 xs do not fit 1 inputs"));
  EXPECT_THAT(infer("gradients", {type(f32, {})}, {{"num_ys", int64_t{1}}, {"num_xs", int64_t{0}}}),
              fails("O0128", "0 xs"));
  EXPECT_THAT(infer("gradients", {type(f32, {})}, {{"num_ys", int64_t{1} << 62}, {"num_xs", int64_t{1} << 62}}),
              fails("O0128", "inputs"));
  EXPECT_THAT(infer("gradients", {type(i32, {}), type(f32, {})}, one), fails("O0129", "y 0 is i32[]"));
  EXPECT_THAT(infer("gradients", {type(f32, {}), type(i64, {2})}, one), fails("O0129", "x 0 is i64[2]"));
}

TEST(Gradients, c3_seeds) {
  Attributes one = {{"num_ys", int64_t{1}}, {"num_xs", int64_t{1}}};
  EXPECT_THAT(infer("gradients", {type(f32, {3}), type(f32, {2})}, one), fails("O0130", "y 0 is f32[3]"));
  EXPECT_THAT(infer("gradients", {type(f32, {3}), type(f32, {2}), type(f32, {4})}, one),
              fails("O0131", "seed 0 is f32[4], and its y is f32[3]"));
  EXPECT_EQ(infer("gradients", {type(f32, {3}), type(f32, {2}), type(f32, {3})}, one), "f32[2]");
}

}  // namespace
}  // namespace kiln::ops
