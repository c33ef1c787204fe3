// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

using Lengths = std::vector<Dim>;
using Integers = std::vector<int64_t>;

TEST(Reshape, c1_c2_shapes) {
  const Dim n = dim("n");
  const std::vector<ValueType> operands = {type(f32, {n, 64}), type(i64, {2})};
  EXPECT_EQ(infer("reshape", operands, {}, {std::nullopt, Lengths{Dim(32), n + n}}), "f32[32, 2*n]");
  EXPECT_THAT(infer("reshape", operands, {}, {std::nullopt, Lengths{n, 63}}),
              fails("O0118", "cannot reshape [n, 64] with 64*n elements to [n, 63] with 63*n"));
  EXPECT_THAT(infer("reshape", operands, {}, {std::nullopt, Lengths{-1, 64}}), fails("O0115", "dimension 0 is -1"));
  EXPECT_THAT(infer("reshape", operands), fails("O0113", "'shape' is not known"));
}

TEST(Reshape, reference) {
  expectValues(run("reshape", {tensor(f32, {2, 3}, {1, 2, 3, 4, 5, 6}), vector64({3, 2})}), {3, 2}, {1, 2, 3, 4, 5, 6});
  expectValues(run("reshape", {tensor(f32, {1}, {-0.0}), vector64({})}), {}, {-0.0});
  expectValues(run("reshape", {Tensor(i32, {0, 3}), vector64({7, 0})}), {7, 0}, {});
}

TEST(Transpose, c1_permutation) {
  const std::vector<ValueType> x = {type(f32, {2, dim("n")})};
  for (const Integers& wrong : {Integers{0}, {0, 0}, {0, 2}, {-1, 0}, {0, 1, 2}}) {
    EXPECT_THAT(infer("transpose", x, {{"permutation", wrong}}),
                fails("O0137", "is no permutation of the axes of [2, n]"));
  }
}

TEST(Transpose, c2_and_reference) {
  EXPECT_EQ(infer("transpose", {type(f32, {2, dim("n")})}, {{"permutation", Integers{1, 0}}}), "f32[n, 2]");
  expectValues(run("transpose", {tensor(f32, {2, 3}, {1, 2, 3, 4, 5, 6})}, {{"permutation", Integers{1, 0}}}), {3, 2},
               {1, 4, 2, 5, 3, 6});
  expectValues(run("transpose", {tensor(i64, {1, 2, 2}, {1, 2, 3, 4})}, {{"permutation", Integers{2, 0, 1}}}),
               {2, 1, 2}, {1, 3, 2, 4});
  expectValues(run("transpose", {Tensor::scalar(true)}, {{"permutation", Integers{}}}), {}, {1});
}

TEST(Broadcast, c1_c2_shapes) {
  const Dim n = dim("n");
  EXPECT_EQ(infer("broadcast", {type(f32, {1, 3}), type(i64, {3})}, {}, {std::nullopt, Lengths{2, n, 3}}),
            "f32[2, n, 3]");
  EXPECT_THAT(infer("broadcast", {type(f32, {2, 3}), type(i64, {2})}, {}, {std::nullopt, Lengths{2, 4}}),
              fails("O0119", "cannot broadcast [2, 3] to [2, 4]: dimension 1 is 3, wanted 1 or 4"));
  EXPECT_THAT(infer("broadcast", {type(f32, {n}), type(i64, {1})}, {}, {std::nullopt, Lengths{3}}),
              fails("O0119", "dimension 0 is n"));
  EXPECT_THAT(infer("broadcast", {type(f32, {2, 3}), type(i64, {1})}, {}, {std::nullopt, Lengths{3}}),
              fails("O0119", "fewer axes"));
}

TEST(Broadcast, reference) {
  expectValues(run("broadcast", {tensor(f32, {2, 1}, {1, 2}), vector64({2, 2, 3})}), {2, 2, 3},
               {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2});
  expectValues(run("broadcast", {Tensor::scalar<int32_t>(7), vector64({2})}), {2}, {7, 7});
  expectValues(run("broadcast", {tensor(f32, {1}, {1}), vector64({0})}), {0}, {});
}

Attributes steps(Integers values) { return {{"steps", std::move(values)}}; }

TEST(Slice, c1_entries_for_each_axis) {
  const std::vector<ValueType> operands = {type(f32, {4}), type(i64, {1}), type(i64, {1})};
  EXPECT_THAT(infer("slice", operands, steps({1}), {std::nullopt, Lengths{0, 0}, Lengths{1}}),
              fails("O0114", "'starts' has 2 entries, wanted 1"));
  EXPECT_THAT(infer("slice", operands, steps({1}), {std::nullopt, Lengths{0}, Lengths{}}),
              fails("O0114", "'ends' has 0 entries"));
  EXPECT_THAT(infer("slice", operands, steps({}), {std::nullopt, Lengths{0}, Lengths{1}}),
              fails("O0114", "'steps' has 0 entries"));
  EXPECT_THAT(infer("slice", operands, steps({0}), {std::nullopt, Lengths{0}, Lengths{1}}),
              fails("O0133", "attribute 'steps' is 0"));
}

TEST(Slice, c2_inside_for_every_value_of_the_symbols) {
  const Dim n = dim("n");
  auto slice = [&](Dim length, Dim start, Dim end, int64_t step = 1) {
    return infer("slice", {type(f32, {length}), type(i64, {1}), type(i64, {1})}, steps({step}),
                 {std::nullopt, Lengths{start}, Lengths{end}});
  };
  EXPECT_THAT(slice(4, 0, 5), fails("O0120", "slice [0, 5) of axis 0 is not inside the shape [4]"));
  EXPECT_THAT(slice(4, -1, 2), fails("O0120", "[-1, 2)"));
  EXPECT_THAT(slice(4, 3, 2), fails("O0120", "[3, 2)"));
  EXPECT_THAT(slice(n, 1, n), fails("O0120", "[1, n)"));
  EXPECT_THAT(slice(4, 0, n), fails("O0120", "[0, n)"));
  EXPECT_EQ(slice(n + 1, 1, n + 1), "f32[n]");
  EXPECT_EQ(slice(n + n, n, n + n), "f32[n]");
}

TEST(Slice, c3_length_is_rounded_up) {
  const Dim n = dim("n");
  auto slice = [&](Dim end, int64_t step) {
    return infer("slice", {type(f32, {end}), type(i64, {1}), type(i64, {1})}, steps({step}),
                 {std::nullopt, Lengths{0}, Lengths{end}});
  };
  EXPECT_EQ(slice(7, 2), "f32[4]");
  EXPECT_EQ(slice(0, 3), "f32[0]");
  EXPECT_EQ(slice(n * 4 + 3, 2), "f32[2*n+2]");
  EXPECT_EQ(slice(n, 2), "f32[floor_div(n+1, 2)]");
  EXPECT_EQ(slice(n * 4 + 3, 3), "f32[floor_div(n+2, 3)+n+1]");
}

TEST(Slice, reference) {
  Tensor x = tensor(f32, {2, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  expectValues(run("slice", {x, vector64({0, 1}), vector64({2, 5})}, steps({1, 2})), {2, 2}, {1, 3, 6, 8});
  expectValues(run("slice", {x, vector64({1, 5}), vector64({2, 5})}, steps({1, 1})), {1, 0}, {});
}

TEST(Concat, c1_to_c3) {
  const Dim n = dim("n");
  const Attributes axis0 = {{"axis", int64_t{0}}};
  EXPECT_THAT(infer("concat", {}, axis0), fails("O0122", "no inputs"));
  EXPECT_THAT(infer("concat", {type(f32, {})}, axis0), fails("O0111", "axis 0 is outside [0, 0)"));
  EXPECT_THAT(infer("concat", {type(f32, {2, 3}), type(f32, {2, 4})}, axis0),
              fails("O0121", "inputs[0] is [2, 3], inputs[1] is [2, 4]; they differ beside axis 0"));
  EXPECT_THAT(infer("concat", {type(f32, {2, 3}), type(f32, {2})}, {{"axis", int64_t{1}}}),
              fails("O0121", "inputs[1] is [2]"));
  EXPECT_THAT(infer("concat", {type(f32, {2}), type(i32, {2})}, axis0), fails("O0108", "inputs[1] is i32[2]"));
  EXPECT_EQ(infer("concat", {type(f32, {n, 3}), type(f32, {4, 3}), type(f32, {n, 3})}, axis0), "f32[2*n+4, 3]");
}

TEST(Concat, reference) {
  Tensor a = tensor(f32, {2, 1}, {1, 2}), b = tensor(f32, {2, 2}, {3, 4, 5, 6});
  expectValues(run("concat", {a, Tensor(f32, {2, 0}), b}, {{"axis", int64_t{1}}}), {2, 3}, {1, 3, 4, 2, 5, 6});
  expectValues(run("concat", {b, b}, {{"axis", int64_t{0}}}), {4, 2}, {3, 4, 5, 6, 3, 4, 5, 6});
}

std::string pad(const ValueType& x, const Lengths& low, const Lengths& high, Integers interior,
                const ValueType& value) {
  return infer("pad", {x, value, type(i64, {1}), type(i64, {1})}, {{"interior", std::move(interior)}},
               {std::nullopt, std::nullopt, low, high});
}

TEST(Pad, c1_to_c3) {
  const Dim n = dim("n");
  const ValueType scalar = type(f32, {});
  EXPECT_THAT(pad(type(f32, {2}), {0}, {0}, {0}, type(f64, {})), fails("O0108", "value is f64[]"));
  EXPECT_THAT(pad(type(f32, {2}), {0}, {0}, {0}, type(f32, {1})), fails("O0110", "value is f32[1], wanted rank 0"));
  EXPECT_THAT(pad(type(f32, {2}), {0, 0}, {0}, {0}, scalar), fails("O0114", "'low' has 2 entries"));
  EXPECT_THAT(pad(type(f32, {2}), {-1}, {0}, {0}, scalar), fails("O0124", "low -1"));
  EXPECT_THAT(pad(type(f32, {2}), {0}, {0}, {-1}, scalar), fails("O0124", "interior -1"));
  EXPECT_THAT(pad(type(f32, {n}), {0}, {0}, {1}, scalar), fails("O0123", "axis 0 of [n]"));
  EXPECT_EQ(pad(type(f32, {n}), {n}, {1}, {0}, scalar), "f32[2*n+1]");
  EXPECT_EQ(pad(type(f32, {3}), {1}, {2}, {2}, scalar), "f32[10]");
  EXPECT_EQ(pad(type(f32, {0}), {1}, {2}, {2}, scalar), "f32[3]");
}

TEST(Pad, reference) {
  Tensor x = tensor(f32, {2, 2}, {1, 2, 3, 4}), nan = tensor(f32, {}, {-0.0});
  expectValues(run("pad", {x, nan, vector64({0, 1}), vector64({1, 0})}, {{"interior", Integers{0, 1}}}), {3, 4},
               {-0.0, 1, -0.0, 2, -0.0, 3, -0.0, 4, -0.0, -0.0, -0.0, -0.0});
}

}  // namespace
}  // namespace kiln::ops
