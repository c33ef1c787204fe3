// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

std::string errorOf(std::string_view op, const std::vector<Tensor>& operands, Attributes attributes = {}) {
  auto results = runReference(op, operands, std::move(attributes));
  return std::string(results.status().message());
}

TEST(Linalg, c1_square) {
  for (const char* op : {"cholesky", "lu", "inverse", "det"}) {
    EXPECT_THAT(infer(op, {type(f32, {3})}),
                fails("O0138", "operand 'a' is f32[3], wanted a square matrix or a batch of them: [.., n, n]"));
    EXPECT_THAT(infer(op, {type(f64, {2, 3})}), fails("O0138", "operand 'a' is f64[2, 3]"));
    EXPECT_THAT(infer(op, {type(f64, {3, dim("n")})}), fails("O0138", "operand 'a' is f64[3, n]"));
    EXPECT_THAT(infer(op, {type(f16, {3, 3})}), fails("O0102", "operand 'a' is f16[3, 3]"));
  }
}

TEST(Linalg, c2_c3_types) {
  const ValueType batch = type(f32, {dim("b"), 3, 3});
  EXPECT_EQ(infer("cholesky", {batch}), "f32[b, 3, 3]");
  EXPECT_EQ(infer("inverse", {batch}), "f32[b, 3, 3]");
  EXPECT_EQ(infer("det", {batch}), "f32[b]");
  auto types = inferTypes("lu", {type(f64, {2, dim("n"), dim("n")})}, {}, {});
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_EQ((*types)[0].toString(), "f64[2, n, n]");
  EXPECT_EQ((*types)[1].toString(), "i64[2, n]");
  EXPECT_EQ((*types)[2].toString(), "i64[2, n]");
}

TEST(Linalg, equations_c1_c2) {
  for (const char* op : {"triangular_solve", "solve"}) {
    EXPECT_THAT(infer(op, {type(f32, {2, 3}), type(f32, {2, 1})}), fails("O0138", "operand 'a' is f32[2, 3]"));
    EXPECT_THAT(infer(op, {type(f32, {2, 2}), type(f64, {2, 1})}), fails("O0108", "dtypes differ"));
    EXPECT_THAT(infer(op, {type(f32, {2, 2}), type(f32, {2})}),
                fails("O0138", "operand 'b' is f32[2], wanted the shape [2] with one more axis, as a is [2, 2]"));
    EXPECT_THAT(infer(op, {type(f32, {4, 2, 2}), type(f32, {3, 2, 1})}), fails("O0138", "operand 'b'"));
    EXPECT_EQ(infer(op, {type(f32, {dim("b"), 2, 2}), type(f32, {dim("b"), 2, 5})}), "f32[b, 2, 5]");
  }
}

TEST(Linalg, cholesky) {
  // What lies above the diagonal is not read.
  expectValues(run("cholesky", {tensor(f64, {2, 2, 2}, {4, kNan, 2, 5, 9, 0, 3, 2})}), {2, 2, 2},
               {2, 0, 1, 2, 3, 0, 1, 1});
  expectValues(run("cholesky", {Tensor(f32, {0, 0})}), {0, 0}, {});
  EXPECT_THAT(errorOf("cholesky", {tensor(f32, {2, 2, 2}, {1, 0, 0, 1, 1, 2, 2, 1})}),
              testing::HasSubstr("[KILN-R0032] matrix 1 is not positive definite: its leading minor of order 2"));
  EXPECT_THAT(errorOf("cholesky", {tensor(f32, {1, 1}, {kNan})}), testing::HasSubstr("KILN-R0032"));
}

TEST(Linalg, triangular_solve) {
  const Tensor a = tensor(f64, {2, 2}, {2, 7, 1, 4}), b = tensor(f64, {2, 1}, {2, 9});
  expectValues(run("triangular_solve", {a, b}), {2, 1}, {1, 2});
  expectValues(run("triangular_solve", {a, b}, {{"transpose_a", true}}), {2, 1}, {-0.125, 2.25});
  expectValues(run("triangular_solve", {a, b}, {{"lower", false}}), {2, 1}, {-6.875, 2.25});
  expectValues(run("triangular_solve", {a, b}, {{"lower", false}, {"transpose_a", true}}), {2, 1}, {1, 0.5});
  expectValues(run("triangular_solve", {a, b}, {{"unit_diagonal", true}}), {2, 1}, {2, 7});
  expectValues(run("triangular_solve", {tensor(f64, {1, 1}, {0}), tensor(f64, {1, 2}, {1, 0})}), {1, 2}, {kInf, kNan});
  expectValues(run("triangular_solve", {Tensor(f64, {2, 2}), Tensor(f64, {2, 0})}), {2, 0}, {});
}

TEST(Linalg, lu) {
  auto results = runReference("lu", {tensor(f64, {2, 2}, {1, 2, 4, 6})}, {});
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], {2, 2}, {4, 6, 0.25, 0.5});
  expectValues((*results)[1], {2}, {1, 1});
  expectValues((*results)[2], {2}, {1, 0});
  // Three rows in a circle: two exchanges, and the permutation that they make.
  results = runReference("lu", {tensor(f64, {3, 3}, {0, 0, 3, 1, 0, 0, 0, 2, 0})}, {});
  ASSERT_TRUE(results.ok()) << results.status();
  expectValues((*results)[0], {3, 3}, {1, 0, 0, 0, 2, 0, 0, 0, 3});
  expectValues((*results)[1], {3}, {1, 2, 2});
  expectValues((*results)[2], {3}, {1, 2, 0});
}

TEST(Linalg, lu_of_a_singular_matrix) {
  const Tensor a = tensor(f32, {2, 2}, {1, 2, 2, 4});
  expectValues(run("lu", {a}), {2, 2}, {2, 4, 0.5, 0});
  EXPECT_THAT(errorOf("lu", {a}, {{"allow_singular", false}}),
              testing::HasSubstr("[KILN-R0033] matrix 0 is singular: its column 1 depends on those before it"));
}

TEST(Linalg, solve_and_inverse) {
  const Tensor a = tensor(f64, {2, 2}, {0, 2, 4, 0});
  expectValues(run("inverse", {a}), {2, 2}, {0, 0.25, 0.5, 0});
  expectValues(run("solve", {a, tensor(f64, {2, 1}, {2, 4})}), {2, 1}, {1, 1});
  const Tensor singular = tensor(f32, {1, 2, 2}, {0, 0, 0, 1});
  EXPECT_THAT(errorOf("inverse", {singular}), testing::HasSubstr("[KILN-R0033] matrix 0 is singular: its column 0"));
  EXPECT_THAT(errorOf("solve", {singular, tensor(f32, {1, 2, 1}, {1, 1})}), testing::HasSubstr("KILN-R0033"));
  EXPECT_EQ(errorOf("inverse", {singular}, {{"allow_singular", true}}), "");
  expectValues(run("inverse", {Tensor(f32, {0, 0})}), {0, 0}, {});
}

TEST(Linalg, det) {
  expectValues(run("det", {tensor(f64, {2, 2}, {1, 2, 4, 6})}), {}, {-2});
  expectValues(run("det", {tensor(f64, {2, 2}, {1, 2, 2, 4})}), {}, {-0.0});
  expectValues(run("det", {tensor(f32, {2, 1, 1}, {5, -3})}), {2}, {5, -3});
  expectValues(run("det", {Tensor(f32, {0, 0})}), {}, {1});
  expectValues(run("det", {Tensor(f32, {0, 3, 3})}), {0}, {});
}

}  // namespace
}  // namespace kiln::ops
