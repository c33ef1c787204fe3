// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

Attributes scan(int64_t axis, bool exclusive, bool reverse) {
  return {{"axis", axis}, {"exclusive", exclusive}, {"reverse", reverse}};
}

// Both results of an op that must succeed.
std::vector<Tensor> runBoth(std::string_view op, const Tensor& x, Attributes attributes = {}) {
  auto results = runReference(op, {x}, std::move(attributes));
  EXPECT_TRUE(results.ok()) << results.status();
  return results.ok() ? *results : std::vector<Tensor>(2);
}

TEST(Scan, c1_axis_c2_type) {
  for (const char* op : {"cumsum", "cumprod", "cummax", "cummin"}) {
    EXPECT_THAT(infer(op, {type(f32, {2, 3})}, scan(2, false, false)),
                fails("O0111", "axis 2 is outside [-2, 2): x has the shape [2, 3]"));
    EXPECT_THAT(infer(op, {type(f32, {})}), fails("O0111", "axis -1 is outside [0, 0)"));
    EXPECT_EQ(infer(op, {type(i16, {dim("n"), 3})}), "i16[n, 3]");
    EXPECT_THAT(infer(op, {type(boolean, {2})}), fails("O0102", "operand 'x' is bool[2]"));
  }
  auto types = inferTypes("cummax", {type(f16, {dim("n"), 3})}, {}, {});
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_EQ((*types)[1].toString(), "i64[n, 3]");
}

TEST(Scan, sums) {
  const Tensor x = tensor(f32, {3}, {1, 2, 3});
  expectValues(run("cumsum", {x}), {3}, {1, 3, 6});
  expectValues(run("cumsum", {x}, scan(0, true, false)), {3}, {0, 1, 3});
  expectValues(run("cumsum", {x}, scan(0, false, true)), {3}, {6, 5, 3});
  expectValues(run("cumsum", {x}, scan(0, true, true)), {3}, {5, 3, 0});
  expectValues(run("cumsum", {tensor(i64, {2, 2}, {1, 2, 3, 4})}, scan(0, false, false)), {2, 2}, {1, 2, 4, 6});
  expectValues(run("cumsum", {Tensor(f32, {2, 0})}), {2, 0}, {});
  expectValues(run("cumsum", {tensor(f32, {3}, {1, kInf, -kInf})}), {3}, {1, kInf, kNan});
  expectValues(run("cumsum", {tensor(u8, {2}, {200, 100})}), {2}, {200, 44});
  // In f16 itself, 2048 + 1 would stay 2048.
  expectValues(run("cumsum", {tensor(f16, {3}, {2048, 1, 1})}), {3}, {2048, 2048, 2050});
}

TEST(Scan, products) {
  const Tensor x = tensor(f64, {3}, {2, 3, 4});
  expectValues(run("cumprod", {x}), {3}, {2, 6, 24});
  expectValues(run("cumprod", {x}, scan(0, true, false)), {3}, {1, 2, 6});
  expectValues(run("cumprod", {x}, scan(0, false, true)), {3}, {24, 12, 4});
  expectValues(run("cumprod", {x}, scan(0, true, true)), {3}, {12, 4, 1});
  expectValues(run("cumprod", {tensor(f32, {3}, {-2, 0, kNan})}), {3}, {-2, -0.0, kNan});
}

TEST(Scan, extremes) {
  auto largest = runBoth("cummax", tensor(f32, {5}, {1, 3, 2, 3, 0}));
  expectValues(largest[0], {5}, {1, 3, 3, 3, 3});
  expectValues(largest[1], {5}, {0, 1, 1, 3, 3});
  auto smallest = runBoth("cummin", tensor(i32, {2, 3}, {3, 1, 2, 0, 0, 5}));
  expectValues(smallest[0], {2, 3}, {3, 1, 1, 0, 0, 0});
  expectValues(smallest[1], {2, 3}, {0, 1, 1, 0, 1, 1});
  auto exclusive = runBoth("cummax", tensor(f32, {3}, {1, 0, 2}), scan(0, true, false));
  expectValues(exclusive[0], {3}, {-kInf, 1, 1});
  expectValues(exclusive[1], {3}, {-1, 0, 0});
  auto reversed = runBoth("cummin", tensor(u8, {3}, {1, 0, 2}), scan(-1, true, true));
  expectValues(reversed[0], {3}, {0, 2, 255});
  expectValues(reversed[1], {3}, {1, 2, -1});
  auto nan = runBoth("cummax", tensor(f32, {4}, {1, kNan, 7, kNan}));
  expectValues(nan[0], {4}, {1, kNan, kNan, kNan});
  expectValues(nan[1], {4}, {0, 1, 1, 3});
  expectValues(runBoth("cummax", tensor(f32, {2}, {-kInf, -kInf}))[1], {2}, {0, 1});
}

TEST(LinearRecurrence, c1_c2) {
  EXPECT_THAT(infer("linear_recurrence", {type(f32, {3}), type(f64, {3})}), fails("O0108", "dtypes differ"));
  EXPECT_THAT(infer("linear_recurrence", {type(f32, {3}), type(f32, {4})}), fails("O0109", "shapes differ"));
  EXPECT_THAT(infer("linear_recurrence", {type(f32, {3}), type(f32, {3})}, {{"axis", int64_t{1}}}),
              fails("O0111", "axis 1"));
  EXPECT_EQ(infer("linear_recurrence", {type(f32, {dim("n"), 3}), type(f32, {dim("n"), 3})}), "f32[n, 3]");
}

TEST(LinearRecurrence, reference) {
  const Tensor half = tensor(f32, {3}, {0.5, 0.5, 0.5}), ones = tensor(f32, {3}, {1, 1, 1});
  expectValues(run("linear_recurrence", {half, ones}), {3}, {1, 1.5, 1.75});
  expectValues(run("linear_recurrence", {half, ones}, {{"reverse", true}}), {3}, {1.75, 1.5, 1});
  // The first coefficient is not used.
  expectValues(run("linear_recurrence", {tensor(f32, {2}, {kNan, 0}), tensor(f32, {2}, {3, 4})}), {2}, {3, 4});
  expectValues(run("linear_recurrence", {tensor(f64, {2, 2}, {0, 0, 2, 3}), tensor(f64, {2, 2}, {1, 1, 1, 1})},
                   {{"axis", int64_t{0}}}),
               {2, 2}, {1, 1, 3, 4});
}

}  // namespace
}  // namespace kiln::ops
