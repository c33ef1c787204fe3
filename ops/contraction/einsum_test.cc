// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

Attributes equation(std::string text) { return {{"equation", std::move(text)}}; }

TEST(Einsum, c1_inputs) {
  EXPECT_THAT(infer("einsum", {}, equation("->")), fails("O0138", "operand 'inputs' is empty"));
  EXPECT_THAT(infer("einsum", {type(f32, {2}), type(f64, {2})}, equation("i,i")),
              fails("O0108", "inputs[1] is f64[2]"));
}
TEST(Einsum, c2_equation) {
  const std::vector<ValueType> one = {type(f32, {2, 2})};
  EXPECT_THAT(infer("einsum", one, equation("ij,jk->ik")), fails("O0133", "each of the 1 inputs; it has 2"));
  EXPECT_THAT(infer("einsum", one, equation("i1->i")), fails("O0133", "terms of letters"));
  EXPECT_THAT(infer("einsum", one, equation("i.j")), fails("O0133", "terms of letters"));
  EXPECT_THAT(infer("einsum", one, equation("...i...")), fails("O0133", "at most one '...'"));
  EXPECT_THAT(infer("einsum", one, equation("ij->j->i")), fails("O0133", "after '->'"));
}
TEST(Einsum, c3_letters_fit_axes) {
  EXPECT_THAT(infer("einsum", {type(f32, {2, 2})}, equation("i->i")), fails("O0133", "2 letters in term 0"));
  EXPECT_THAT(infer("einsum", {type(f32, {2})}, equation("...ij->j")), fails("O0133", "at most 1 letters in term 0"));
}
TEST(Einsum, c4_lengths) {
  EXPECT_THAT(infer("einsum", {type(f32, {2, 3}), type(f32, {4, 5})}, equation("ij,jk->ik")),
              fails("O0138", "operand 'inputs[1]' is [4, 5], wanted length 3 for 'j' (axis 0)"));
  EXPECT_THAT(infer("einsum", {type(f32, {2, 3}), type(f32, {4, 3})}, equation("...j,...j")),
              fails("O0138", "axis -1 of '...'"));
  EXPECT_THAT(infer("einsum", {type(f32, {2, 3})}, equation("ii")), fails("O0138", "length 2 for 'i'"));
}
TEST(Einsum, c5_result) {
  EXPECT_THAT(infer("einsum", {type(f32, {2, 3})}, equation("ij->ik")), fails("O0133", "none has 'k'"));
  EXPECT_THAT(infer("einsum", {type(f32, {2, 3})}, equation("ij->ii")), fails("O0133", "'i' occurs twice"));
  EXPECT_THAT(infer("einsum", {type(f32, {2, 3})}, equation("...j->j")), fails("O0133", "stands for 1 axes"));
}

TEST(Einsum, result_shapes) {
  const Dim n = dim("n");
  EXPECT_EQ(infer("einsum", {type(f32, {n, 3}), type(f32, {3, 5})}, equation("ij,jk->ki")), "f32[5, n]");
  EXPECT_EQ(infer("einsum", {type(f32, {2, 3}), type(f32, {3, 5})}, equation("zb, bA")),
            "f32[5, 2]");  // capitals first
  EXPECT_EQ(infer("einsum", {type(f32, {4, 1, 2, 3}), type(f32, {7, 3, 5})}, equation("...ij,...jk")),
            "f32[4, 7, 2, 5]");
  EXPECT_EQ(infer("einsum", {type(f32, {4, 2, 3})}, equation("i...j->ji...")), "f32[3, 4, 2]");
  EXPECT_EQ(infer("einsum", {type(i32, {})}, equation("->")), "i32[]");
}

TEST(Einsum, reference) {
  Tensor a = tensor(f32, {2, 3}, {1, 2, 3, 4, 5, 6}), b = tensor(f32, {3, 2}, {1, 0, 2, 1, 0, 3});
  expectValues(run("einsum", {a, b}, equation("ij,jk->ik")), {2, 2}, {5, 11, 14, 23});
  expectValues(run("einsum", {a, b}, equation("ij,jk")), {2, 2}, {5, 11, 14, 23});
  expectValues(run("einsum", {a}, equation("ij->ji")), {3, 2}, {1, 4, 2, 5, 3, 6});
  expectValues(run("einsum", {a}, equation("ij->")), {}, {21});
  expectValues(run("einsum", {a, a}, equation("ij,ij->i")), {2}, {14, 77});
  Tensor square = tensor(f32, {2, 2}, {1, 2, 3, 4});
  expectValues(run("einsum", {square}, equation("ii")), {}, {5});
  expectValues(run("einsum", {square}, equation("ii->i")), {2}, {1, 4});
  Tensor v = tensor(f32, {2}, {2, 3});
  expectValues(run("einsum", {v, v, v}, equation("i,j,k->kji")), {2, 2, 2}, {8, 12, 12, 18, 12, 18, 18, 27});
  expectValues(run("einsum", {square, v}, equation("...j,j->...")), {2}, {8, 18});
  expectValues(run("einsum", {tensor(f32, {1, 2}, {2, 3}), square}, equation("...,...->...")), {2, 2}, {2, 6, 6, 12});
  expectValues(run("einsum", {tensor(f32, {0, 2}, {}), tensor(f32, {0, 3}, {})}, equation("ij,ik->jk")), {2, 3},
               {0, 0, 0, 0, 0, 0});
  // Integers wrap around.
  expectValues(run("einsum", {Tensor::of<int32_t>({1}, {65536}), Tensor::of<int32_t>({1}, {65536})}, equation("i,i")),
               {}, {0});
}

}  // namespace
}  // namespace kiln::ops
