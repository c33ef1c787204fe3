// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

TEST(Matmul, c1_ranks) {
  EXPECT_THAT(infer("matmul", {type(f32, {2}), type(f32, {2})}), fails("O0116", "a is [2], b is [2]"));
  EXPECT_THAT(infer("matmul", {type(f32, {1, 2, 3}), type(f32, {3, 2})}),
              fails("O0116", "a is [1, 2, 3], b is [3, 2]"));
}

TEST(Matmul, c2_batch_dims_differ) {
  EXPECT_THAT(infer("matmul", {type(f32, {4, 2, 3}), type(f32, {5, 3, 2})}),
              fails("O0117", "a is [4, 2, 3], b is [5, 3, 2] (dimension 0: 4 vs 5)"));
}

TEST(Matmul, c3_inner_dims_differ) {
  EXPECT_THAT(infer("matmul", {type(f32, {32, 64}), type(f32, {65, 10})}),
              fails("O0107", "inner dimensions differ: a is [32, 64], b is [65, 10] (64 vs 65)"));
  EXPECT_THAT(infer("matmul", {type(f32, {dim("n"), 3}), type(f32, {dim("m"), 4})}, {{"transpose_a", true}}),
              fails("O0107", "(n vs m)"));
}

TEST(Matmul, c4_dtypes_differ) {
  EXPECT_THAT(infer("matmul", {type(f32, {2, 2}), type(f64, {2, 2})}),
              fails("O0108", "a is f32[2, 2], b is f64[2, 2]"));
}

TEST(Matmul, infers_symbolic_and_transposed_shapes) {
  EXPECT_EQ(infer("matmul", {type(f32, {dim("b"), 64}), type(f32, {64, 10})}), "f32[b, 10]");
  EXPECT_EQ(infer("matmul", {type(f64, {7, 64, dim("b")}), type(f64, {7, 10, 64})},
                  {{"transpose_a", true}, {"transpose_b", true}}),
            "f64[7, b, 10]");
}

TEST(Matmul, reference_on_known_values) {
  for (DType dtype : {f32, f64, i32, i64}) {
    Tensor a = tensor(dtype, {2, 3}, {1, 2, 3, 4, 5, 6}), b = tensor(dtype, {3, 2}, {7, 8, 9, 10, 11, 12});
    expectValues(run("matmul", {a, b}), {2, 2}, {58, 64, 139, 154});
    Tensor at = tensor(dtype, {3, 2}, {1, 4, 2, 5, 3, 6}), bt = tensor(dtype, {2, 3}, {7, 9, 11, 8, 10, 12});
    expectValues(run("matmul", {at, bt}, {{"transpose_a", true}, {"transpose_b", true}}), {2, 2}, {58, 64, 139, 154});
  }
}

TEST(Matmul, reference_batched_and_empty) {
  expectValues(run("matmul", {tensor(f32, {2, 1, 2}, {1, 2, 3, 4}), tensor(f32, {2, 2, 1}, {5, 6, 7, 8})}), {2, 1, 1},
               {17, 53});
  expectValues(run("matmul", {Tensor(f32, {2, 0}), Tensor(f32, {0, 2})}), {2, 2}, {0, 0, 0, 0});
  expectValues(run("matmul", {Tensor(f32, {0, 3}), Tensor(f32, {3, 2})}), {0, 2}, {});
}

TEST(Matmul, reference_special_values_and_wrapping) {
  expectValues(run("matmul", {tensor(f32, {1, 2}, {0, 1}), tensor(f32, {2, 1}, {kInf, 1})}), {1, 1}, {kNan});
  expectValues(run("matmul", {Tensor::of<int32_t>({1, 1}, {1 << 30}), Tensor::of<int32_t>({1, 1}, {4})}), {1, 1}, {0});
  // Summed in double: the small terms are not lost between the large ones.
  expectValues(run("matmul", {tensor(f32, {1, 3}, {1e8, 1, -1e8}), tensor(f32, {3, 1}, {1, 1, 1})}), {1, 1}, {1});
}

}  // namespace
}  // namespace kiln::ops
