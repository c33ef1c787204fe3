// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

void expectSorted(std::string_view op, const Tensor& x, Attributes attributes, const std::vector<int64_t>& dims,
                  const std::vector<double>& values, const std::vector<double>& indices) {
  auto results = runReference(op, {x}, std::move(attributes));
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], dims, values);
  expectValues((*results)[1], dims, indices);
}

TEST(Sort, c1_c2) {
  EXPECT_THAT(infer("sort", {type(f32, {3})}, {{"axis", int64_t{1}}}), fails("O0111", "axis 1 is outside [-1, 1)"));
  EXPECT_THAT(infer("sort", {type(boolean, {3})}), fails("O0102", "operand 'x' is bool[3]"));
  auto types = inferTypes("sort", {type(i8, {dim("n"), 3})}, {}, {});
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_EQ((*types)[0].toString(), "i8[n, 3]");
  EXPECT_EQ((*types)[1].toString(), "i64[n, 3]");
}

TEST(Sort, reference) {
  const Attributes down = {{"descending", true}};
  expectSorted("sort", tensor(f32, {4}, {3, 1, kNan, 2}), {}, {4}, {1, 2, 3, kNan}, {1, 3, 0, 2});
  expectSorted("sort", tensor(f32, {4}, {3, 1, kNan, 2}), down, {4}, {kNan, 3, 2, 1}, {2, 0, 3, 1});
  expectSorted("sort", tensor(f32, {4}, {3, 1, 3, 2}), down, {4}, {3, 3, 2, 1}, {0, 2, 3, 1});
  expectSorted("sort", tensor(f32, {4}, {0.0, -0.0, kInf, -kInf}), {}, {4}, {-kInf, 0.0, -0.0, kInf}, {3, 0, 1, 2});
  expectSorted("sort", tensor(i32, {2, 2}, {4, 1, 3, 2}), {{"axis", int64_t{0}}}, {2, 2}, {3, 1, 4, 2}, {1, 0, 0, 1});
  expectSorted("sort", tensor(u8, {3}, {200, 7, 255}), {}, {3}, {7, 200, 255}, {1, 0, 2});
  expectSorted("sort", Tensor(f32, {2, 0}), {}, {2, 0}, {}, {});
}

TEST(TopK, c1_to_c3) {
  auto k = [](int64_t count) { return Attributes{{"k", count}}; };
  EXPECT_THAT(infer("top_k", {type(f32, {})}, k(0)), fails("O0111", "axis -1 is outside [0, 0)"));
  EXPECT_THAT(infer("top_k", {type(f32, {3})}, k(4)),
              fails("O0133", "attribute 'k' is 4, wanted 0 to 3, the length of axis 0"));
  EXPECT_THAT(infer("top_k", {type(f32, {dim("n")})}, k(-1)), fails("O0133", "attribute 'k' is -1"));
  EXPECT_EQ(infer("top_k", {type(f16, {dim("n"), 3})}, {{"k", int64_t{2}}, {"axis", int64_t{0}}}), "f16[2, 3]");
  EXPECT_EQ(infer("top_k", {type(f16, {2, 3})}, k(0)), "f16[2, 0]");
}

TEST(TopK, reference) {
  const Tensor x = tensor(f32, {5}, {3, 1, 4, 1, 5});
  expectSorted("top_k", x, {{"k", int64_t{2}}}, {2}, {5, 4}, {4, 2});
  expectSorted("top_k", x, {{"k", int64_t{2}}, {"largest", false}}, {2}, {1, 1}, {1, 3});
  expectSorted("top_k", x, {{"k", int64_t{0}}}, {0}, {}, {});
  expectSorted("top_k", tensor(f32, {4}, {1, kNan, kInf, 1}), {{"k", int64_t{3}}}, {3}, {kNan, kInf, 1}, {1, 2, 0});
  expectSorted("top_k", tensor(i64, {2, 2}, {1, 9, 8, 2}), {{"k", int64_t{1}}, {"axis", int64_t{0}}}, {1, 2}, {8, 9},
               {1, 0});
}

}  // namespace
}  // namespace kiln::ops
