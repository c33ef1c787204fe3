// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tile, reverse, roll, pad_extend, diagonal and triangular.
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

using Ints = std::vector<int64_t>;

Tensor counted(std::vector<int64_t> dims, DType dtype = f32) {
  Tensor t(dtype, std::move(dims));
  for (int64_t i = 0; i < t.numElements(); ++i) {
    t.set(i, static_cast<double>(i + 1));
  }
  return t;
}

TEST(Tile, c1_repeats) {
  EXPECT_THAT(infer("tile", {type(f32, {2, 3})}, {{"repeats", Ints{2}}}), fails("O0114", "'repeats' has 1 entries"));
  EXPECT_THAT(infer("tile", {type(f32, {2})}, {{"repeats", Ints{-1}}}), fails("O0133", "'repeats' is -1"));
}
TEST(Tile, c2_result_shape) {
  EXPECT_EQ(infer("tile", {type(i32, {dim("n"), 3})}, {{"repeats", Ints{2, 4}}}), "i32[2*n, 12]");
  EXPECT_EQ(infer("tile", {type(boolean, {})}, {{"repeats", Ints{}}}), "bool[]");
}
TEST(Tile, reference) {
  expectValues(run("tile", {counted({2, 2})}, {{"repeats", Ints{1, 2}}}), {2, 4}, {1, 2, 1, 2, 3, 4, 3, 4});
  expectValues(run("tile", {counted({2})}, {{"repeats", Ints{3}}}), {6}, {1, 2, 1, 2, 1, 2});
  expectValues(run("tile", {counted({2})}, {{"repeats", Ints{0}}}), {0}, {});
  expectValues(run("tile", {counted({0, 2})}, {{"repeats", Ints{3, 2}}}), {0, 4}, {});
  expectValues(run("tile", {counted({})}, {{"repeats", Ints{}}}), {}, {1});
}

TEST(Reverse, c1_axes) {
  EXPECT_THAT(infer("reverse", {type(f32, {2, 3})}, {{"axes", Ints{2}}}), fails("O0111", "axis 2 is outside [-2, 2)"));
  EXPECT_THAT(infer("reverse", {type(f32, {2, 3})}, {{"axes", Ints{1, -1}}}), fails("O0112", "occurs twice"));
}
TEST(Reverse, c2_result_type) {
  EXPECT_EQ(infer("reverse", {type(f64, {dim("n"), 3})}, {{"axes", Ints{0}}}), "f64[n, 3]");
}
TEST(Reverse, reference) {
  expectValues(run("reverse", {counted({2, 3})}, {{"axes", Ints{1}}}), {2, 3}, {3, 2, 1, 6, 5, 4});
  expectValues(run("reverse", {counted({2, 3})}, {{"axes", Ints{0, -1}}}), {2, 3}, {6, 5, 4, 3, 2, 1});
  expectValues(run("reverse", {counted({2, 0})}, {{"axes", Ints{1}}}), {2, 0}, {});
  expectValues(run("reverse", {counted({})}, {{"axes", Ints{}}}), {}, {1});
}

Attributes rolled(Ints shifts, Ints axes) { return {{"shifts", std::move(shifts)}, {"axes", std::move(axes)}}; }

TEST(Roll, c1_to_c3) {
  EXPECT_THAT(infer("roll", {type(f32, {2, 3})}, rolled({1}, {0, 1})),
              fails("O0133", "an entry for each of the 2 axes"));
  EXPECT_THAT(infer("roll", {type(f32, {2, 3})}, rolled({1}, {-3})), fails("O0111", "axis -3"));
  EXPECT_THAT(infer("roll", {type(f32, {2, 3})}, rolled({1, 1}, {0, 0})), fails("O0112", "occurs twice"));
  EXPECT_EQ(infer("roll", {type(f32, {dim("n"), 3})}, rolled({7}, {0})), "f32[n, 3]");
}
TEST(Roll, reference) {
  expectValues(run("roll", {counted({5})}, rolled({2}, {0})), {5}, {4, 5, 1, 2, 3});
  expectValues(run("roll", {counted({5})}, rolled({-6}, {0})), {5}, {2, 3, 4, 5, 1});
  expectValues(run("roll", {counted({2, 3})}, rolled({1, 1}, {0, -1})), {2, 3}, {6, 4, 5, 3, 1, 2});
  expectValues(run("roll", {counted({0})}, rolled({3}, {0})), {0}, {});
}

Attributes border(Ints low, Ints high, std::string mode) {
  return {{"low", std::move(low)}, {"high", std::move(high)}, {"mode", std::move(mode)}};
}

TEST(PadExtend, c1_amounts) {
  EXPECT_THAT(infer("pad_extend", {type(f32, {2, 3})}, border({1}, {1, 1}, "edge")), fails("O0114", "'low'"));
  EXPECT_THAT(infer("pad_extend", {type(f32, {2, 3})}, border({1, 0}, {1}, "edge")), fails("O0114", "'high'"));
  EXPECT_THAT(infer("pad_extend", {type(f32, {3})}, border({-1}, {1}, "edge")), fails("O0133", "'low' is -1"));
  EXPECT_THAT(infer("pad_extend", {type(f32, {3})}, border({0}, {-2}, "edge")), fails("O0133", "'high' is -2"));
}
TEST(PadExtend, c2_mode) {
  EXPECT_THAT(infer("pad_extend", {type(f32, {3})}, border({1}, {1}, "mirror")),
              fails("O0133", "attribute 'mode' is mirror, wanted reflect, edge or wrap"));
}
TEST(PadExtend, c3_amounts_fit_the_length) {
  EXPECT_THAT(infer("pad_extend", {type(f32, {dim("n")})}, border({1}, {0}, "edge")), fails("O0133", "is not fixed"));
  EXPECT_THAT(infer("pad_extend", {type(f32, {3})}, border({1}, {3}, "reflect")),
              fails("O0133", "attribute 'high' is 3, wanted at most 2 for axis 0 of length 3 in mode reflect"));
  EXPECT_THAT(infer("pad_extend", {type(f32, {3})}, border({4}, {3}, "wrap")), fails("O0133", "at most 3"));
  EXPECT_THAT(infer("pad_extend", {type(f32, {0})}, border({1}, {0}, "edge")), fails("O0133", "wanted 0 for axis 0"));
}
TEST(PadExtend, c4_result_shape) {
  EXPECT_EQ(infer("pad_extend", {type(f32, {dim("n"), 3})}, border({0, 9}, {0, 1}, "edge")), "f32[n, 13]");
}
TEST(PadExtend, reference) {
  Tensor x = counted({4});
  expectValues(run("pad_extend", {x}, border({2}, {3}, "reflect")), {9}, {3, 2, 1, 2, 3, 4, 3, 2, 1});
  expectValues(run("pad_extend", {x}, border({2}, {1}, "edge")), {7}, {1, 1, 1, 2, 3, 4, 4});
  expectValues(run("pad_extend", {x}, border({2}, {4}, "wrap")), {10}, {3, 4, 1, 2, 3, 4, 1, 2, 3, 4});
  expectValues(run("pad_extend", {counted({2, 2})}, border({1, 0}, {0, 1}, "reflect")), {3, 3},
               {3, 4, 3, 1, 2, 1, 3, 4, 3});
  expectValues(run("pad_extend", {counted({})}, border({}, {}, "wrap")), {}, {1});
}

Attributes diagonalOf(int64_t offset, int64_t axis1 = 0, int64_t axis2 = 1) {
  return {{"offset", offset}, {"axis1", axis1}, {"axis2", axis2}};
}

TEST(Diagonal, c1_axes) {
  EXPECT_THAT(infer("diagonal", {type(f32, {2, 3})}, diagonalOf(0, 0, 2)), fails("O0111", "axis 2"));
  EXPECT_THAT(infer("diagonal", {type(f32, {2, 3})}, diagonalOf(0, 1, -1)), fails("O0112", "occurs twice"));
}
TEST(Diagonal, c2_lengths) {
  EXPECT_THAT(infer("diagonal", {type(f32, {dim("n"), 3})}, diagonalOf(0)), fails("O0133", "may be any lengths"));
  EXPECT_THAT(infer("diagonal", {type(f32, {dim("n"), dim("n")})}, diagonalOf(1)), fails("O0133", "'offset' is 1"));
  EXPECT_EQ(infer("diagonal", {type(f32, {dim("n"), 2, dim("n")})}, diagonalOf(0, 0, 2)), "f32[2, n]");
}
TEST(Diagonal, c3_result_shape) {
  EXPECT_EQ(infer("diagonal", {type(f32, {4, 6})}, diagonalOf(3)), "f32[3]");
  EXPECT_EQ(infer("diagonal", {type(f32, {4, 6})}, diagonalOf(-2)), "f32[2]");
  EXPECT_EQ(infer("diagonal", {type(f32, {4, 6})}, diagonalOf(9)), "f32[0]");
}
TEST(Diagonal, reference) {
  Tensor x = counted({3, 4});
  expectValues(run("diagonal", {x}, diagonalOf(0)), {3}, {1, 6, 11});
  expectValues(run("diagonal", {x}, diagonalOf(2)), {2}, {3, 8});
  expectValues(run("diagonal", {x}, diagonalOf(-1)), {2}, {5, 10});
  expectValues(run("diagonal", {x}, diagonalOf(1, 1, 0)), {2}, {5, 10});
  expectValues(run("diagonal", {counted({2, 2, 2})}, diagonalOf(0, 0, 2)), {2, 2}, {1, 6, 3, 8});
}

Attributes triangle(bool upper, int64_t k) { return {{"upper", upper}, {"k", k}}; }

TEST(Triangular, c1_and_c2) {
  EXPECT_THAT(infer("triangular", {type(f32, {3})}, triangle(false, 0)), fails("O0138", "rank 2 or more"));
  EXPECT_EQ(infer("triangular", {type(boolean, {dim("n"), 2, 3})}, triangle(false, 0)), "bool[n, 2, 3]");
}
TEST(Triangular, reference) {
  Tensor x = counted({2, 3});
  expectValues(run("triangular", {x}, triangle(false, 0)), {2, 3}, {1, 0, 0, 4, 5, 0});
  expectValues(run("triangular", {x}, triangle(true, 0)), {2, 3}, {1, 2, 3, 0, 5, 6});
  expectValues(run("triangular", {x}, triangle(false, 1)), {2, 3}, {1, 2, 0, 4, 5, 6});
  expectValues(run("triangular", {x}, triangle(true, -1)), {2, 3}, {1, 2, 3, 4, 5, 6});
  // What is left out does not count, whatever it is.
  expectValues(run("triangular", {tensor(f32, {2, 2}, {1, kNan, -0.0, kInf})}, triangle(false, 0)), {2, 2},
               {1, 0, -0.0, kInf});
  expectValues(run("triangular", {counted({0, 3})}, triangle(true, 0)), {0, 3}, {});
}

}  // namespace
}  // namespace kiln::ops
