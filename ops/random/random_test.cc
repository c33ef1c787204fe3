// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ops/random/philox.h"
#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

// The known-answer vectors of Random123 (kat_vectors: philox4x32 10).
TEST(Philox, known_answers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, block_takes_both_words_of_number_and_seed) {
  const int64_t seed = static_cast<int64_t>(0x299f31d0a4093822);
  const RandomStream stream(seed, 0x03707344, 0x13198a2e);
  EXPECT_EQ(stream.block(0x85a308d3243f6a88), (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

Attributes drawn(DType dtype, int64_t opId = 7) { return {{"op_id", opId}, {"dtype", dtype}}; }

TEST(RandomUniform, f32_takes_words_in_order) {
  Tensor numbers = run("random_uniform", {vector64({42, 3}), vector64({2, 3})}, drawn(f32));
  expectValues(numbers, {2, 3},
               {0.032142043113708496, 0.8290331363677979, 0.6235357522964478, 0.7586870789527893, 0.08564746379852295,
                0.8738183975219727});
}

TEST(RandomUniform, f64_takes_two_words) {
  Tensor numbers = run("random_uniform", {vector64({42, 3}), vector64({3})}, drawn(f64));
  expectValues(numbers, {3}, {0.032142089640030846, 0.6235358004362059, 0.08564750335035343});
}

TEST(RandomUniform, depends_on_seed_step_and_op) {
  const Tensor shape = vector64({8});
  Tensor base = run("random_uniform", {vector64({1, 2}), shape}, drawn(f32));
  EXPECT_TRUE(base.identicalTo(run("random_uniform", {vector64({1, 2}), shape}, drawn(f32))));
  EXPECT_FALSE(base.identicalTo(run("random_uniform", {vector64({2, 2}), shape}, drawn(f32))));
  EXPECT_FALSE(base.identicalTo(run("random_uniform", {vector64({1 + (int64_t{1} << 32), 2}), shape}, drawn(f32))));
  EXPECT_FALSE(base.identicalTo(run("random_uniform", {vector64({1, 3}), shape}, drawn(f32))));
  EXPECT_FALSE(base.identicalTo(run("random_uniform", {vector64({1, 2}), shape}, drawn(f32, 8))));
}

TEST(RandomUniform, stays_below_high) {
  // An interval of two numbers: half of all results round up to high and become the number before it.
  const double low = 1, high = 1 + 0x1p-23;
  Tensor numbers = run("random_uniform", {vector64({1, 0}), vector64({64})},
                       {{"op_id", int64_t{0}}, {"dtype", f32}, {"low", low}, {"high", high}});
  for (double value : valuesOf(numbers)) {
    EXPECT_EQ(value, low);
  }
  Tensor spread = run("random_uniform", {vector64({1, 0}), vector64({4096})},
                      {{"op_id", int64_t{0}}, {"dtype", f32}, {"low", -3.0}, {"high", 5.0}});
  double sum = 0;
  for (double value : valuesOf(spread)) {
    EXPECT_GE(value, -3);
    EXPECT_LT(value, 5);
    sum += value;
  }
  EXPECT_NEAR(sum / 4096, 1, 0.15);  // four standard errors
}

TEST(RandomNormal, is_box_muller_of_pairs) {
  const Tensor state = vector64({42, 3});
  Tensor numbers = run("random_normal", {state, vector64({4})}, drawn(f32));
  expectNear(numbers, {4}, {0.12178121866288273, -0.22474255768352802, 0.07625795930269322, -1.3957253008320458});
  // A prefix is the same; an odd length does not move the rest.
  expectValues(run("random_normal", {state, vector64({3})}, drawn(f32)), {3},
               {numbers.at(0), numbers.at(1), numbers.at(2)});
  Tensor shifted = run("random_normal", {state, vector64({2})},
                       {{"op_id", int64_t{7}}, {"dtype", f32}, {"mean", 10.0}, {"stddev", 2.0}});
  expectNear(shifted, {2}, {10.243562437325765, 9.550514884632943});
}

TEST(RandomNormal, has_mean_and_variance) {
  for (DType dtype : {f32, f64}) {
    double sum = 0, squares = 0;
    for (double value : valuesOf(run("random_normal", {vector64({5, 0}), vector64({10000})}, drawn(dtype)))) {
      sum += value;
      squares += value * value;
    }
    EXPECT_NEAR(sum / 10000, 0, 0.04);
    EXPECT_NEAR(squares / 10000, 1, 0.06);
  }
}

TEST(Random, c1_to_c3) {
  for (const char* op : {"random_uniform", "random_normal"}) {
    EXPECT_THAT(infer(op, {type(i64, {3}), type(i64, {1})}, drawn(f32), {std::nullopt, {{Dim(4)}}}),
                fails("O0138", "operand 'state' is i64[3], wanted i64[2]"));
    EXPECT_THAT(infer(op, {type(i64, {2}), type(i64, {1})}, drawn(f32)), fails("O0113", "shape"));
    EXPECT_THAT(infer(op, {type(i64, {2}), type(i64, {1})}, drawn(i64), {std::nullopt, {{Dim(4)}}}),
                fails("O0135", "i64[4]"));
    EXPECT_EQ(infer(op, {type(i64, {2}), type(i64, {1})}, drawn(f64), {std::nullopt, {{dim("n")}}}), "f64[n]");
  }
}

TEST(Random, intervals_and_deviations) {
  const std::vector<ValueType> operands = {type(i64, {2}), type(i64, {1})};
  const std::vector<std::optional<std::vector<Dim>>> shape = {std::nullopt, {{Dim(4)}}};
  auto with = [](std::string name, double value) {
    Attributes attributes = drawn(f32);
    attributes.set(std::move(name), value);
    return attributes;
  };
  EXPECT_THAT(infer("random_uniform", operands, with("high", 0), shape), fails("O0133", "attribute 'high' is 0"));
  EXPECT_THAT(infer("random_uniform", operands, with("high", 1e-60), shape), fails("O0133", "above low"));
  EXPECT_THAT(infer("random_uniform", operands, with("high", kInf), shape), fails("O0133", "finite"));
  EXPECT_THAT(infer("random_normal", operands, with("stddev", -1), shape), fails("O0133", "attribute 'stddev' is -1"));
  EXPECT_THAT(infer("random_normal", operands, with("mean", kNan), shape), fails("O0133", "attribute 'mean'"));
}

}  // namespace
}  // namespace kiln::ops
