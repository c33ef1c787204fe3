// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The random ops beside uniform and normal: their definitions, and tests of their distributions with fixed seeds.
#include <algorithm>
#include <functional>
#include <numeric>

#include "ops/spec/test_support.h"

namespace kiln::ops {
namespace {

using Shapes = std::vector<std::optional<std::vector<Dim>>>;
const ValueType kState = type(i64, {2}), kShape = type(i64, {1});

Attributes with(std::initializer_list<std::pair<std::string, Attribute>> more) {
  Attributes attributes = {{"op_id", int64_t{7}}};
  for (const auto& [name, value] : more) {
    attributes.set(name, value);
  }
  return attributes;
}
Attributes ofType(DType dtype) { return with({{"dtype", dtype}}); }
Tensor state(int64_t seed, int64_t step = 0) { return vector64({seed, step}); }

Tensor everywhere(DType dtype, std::vector<int64_t> dims, double value) {
  Tensor t(dtype, std::move(dims));
  for (int64_t i = 0; i < t.numElements(); ++i) {
    t.set(i, value);
  }
  return t;
}

// The largest distance between the distribution of the values and `below`, which gives the probability of less.
double distanceFrom(std::vector<double> values, const std::function<double(double)>& below) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double distance = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double p = below(values[i]);
    distance = std::max({distance, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return distance;
}
// Kolmogorov's bound, which one draw of ten thousand exceeds by chance.
double boundFor(double n) { return 2.23 / std::sqrt(n); }

double normalBelow(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// The regularised lower incomplete gamma function, by its series.
double gammaBelow(double a, double x) {
  double term = 1 / a, sum = term;
  for (int n = 1; n < 500; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * std::exp(a * std::log(x) - x - std::lgamma(a));
}

TEST(RandomTruncatedNormal, c1_to_c3) {
  const Shapes shapes = {std::nullopt, {{Dim(4)}}};
  EXPECT_THAT(infer("random_truncated_normal", {type(i64, {3}), kShape}, ofType(f32), shapes),
              fails("O0138", "i64[2]"));
  EXPECT_THAT(infer("random_truncated_normal", {kState, kShape}, ofType(f32)), fails("O0113", "shape"));
  EXPECT_THAT(infer("random_truncated_normal", {kState, kShape}, ofType(i64), shapes), fails("O0135", "i64[4]"));
  EXPECT_THAT(infer("random_truncated_normal", {kState, kShape}, with({{"dtype", f32}, {"stddev", -1.0}}), shapes),
              fails("O0133", "'stddev' is -1"));
  EXPECT_THAT(infer("random_truncated_normal", {kState, kShape}, with({{"dtype", f32}, {"mean", kInf}}), shapes),
              fails("O0133", "'mean'"));
  EXPECT_EQ(infer("random_truncated_normal", {kState, kShape}, ofType(f64), shapes), "f64[4]");
}
TEST(RandomTruncatedNormal, is_the_normal_distribution_within_two_deviations) {
  for (DType dtype : {f32, f64}) {
    std::vector<double> values = valuesOf(run("random_truncated_normal", {state(3), vector64({10000})},
                                              with({{"dtype", dtype}, {"mean", 5.0}, {"stddev", 2.0}})));
    EXPECT_LT(distanceFrom(values,
                           [](double x) {
                             return (normalBelow((x - 5) / 2) - normalBelow(-2)) / (normalBelow(2) - normalBelow(-2));
                           }),
              boundFor(10000));
    EXPECT_GE(*std::min_element(values.begin(), values.end()), 1);
    EXPECT_LE(*std::max_element(values.begin(), values.end()), 9);
  }
}

TEST(RandomBernoulli, c1_and_c2) {
  EXPECT_THAT(infer("random_bernoulli", {type(i64, {3}), type(f32, {4})}, ofType(boolean)), fails("O0138", "i64[2]"));
  EXPECT_EQ(infer("random_bernoulli", {kState, type(f32, {dim("n"), 2})}, ofType(i32)), "i32[n, 2]");
}
TEST(RandomBernoulli, has_the_probability) {
  for (double p : {0.0, 0.1, 0.5, 1.0}) {
    std::vector<double> values =
        valuesOf(run("random_bernoulli", {state(5), everywhere(f32, {10000}, p)}, ofType(f32)));
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 10000;
    EXPECT_NEAR(mean, p, 4 * std::sqrt(p * (1 - p) / 10000));
  }
  expectValues(run("random_bernoulli", {state(1), tensor(f64, {3}, {kNan, 2, -1})}, ofType(boolean)), {3}, {0, 1, 0});
}

TEST(RandomCategorical, c1_to_c3) {
  auto drawn = [](int64_t count) { return with({{"dtype", i64}, {"num_samples", count}}); };
  EXPECT_THAT(infer("random_categorical", {type(i64, {3}), type(f32, {4})}, drawn(1)), fails("O0138", "i64[2]"));
  EXPECT_THAT(infer("random_categorical", {kState, type(f32, {})}, drawn(1)), fails("O0138", "at least one class"));
  EXPECT_THAT(infer("random_categorical", {kState, type(f32, {2, 0})}, drawn(1)), fails("O0138", "at least one class"));
  EXPECT_THAT(infer("random_categorical", {kState, type(f32, {4})}, drawn(-1)), fails("O0133", "'num_samples' is -1"));
  EXPECT_EQ(infer("random_categorical", {kState, type(f32, {dim("n"), 4})}, drawn(9)), "i64[n, 9]");
}
TEST(RandomCategorical, has_the_probabilities) {
  Tensor logits = tensor(f32, {2, 4}, {std::log(0.1), std::log(0.2), std::log(0.7), -kInf, 0, 0, 0, 0});
  std::vector<double> values =
      valuesOf(run("random_categorical", {state(11), logits}, with({{"dtype", i32}, {"num_samples", int64_t{10000}}})));
  std::array<std::array<double, 4>, 2> counts = {};
  for (size_t i = 0; i < values.size(); ++i) {
    counts[i / 10000][static_cast<size_t>(values[i])] += 1;
  }
  const std::array<std::array<double, 4>, 2> wanted = {{{0.1, 0.2, 0.7, 0}, {0.25, 0.25, 0.25, 0.25}}};
  for (size_t row = 0; row < 2; ++row) {
    for (size_t c = 0; c < 4; ++c) {
      EXPECT_NEAR(counts[row][c] / 10000, wanted[row][c], 4 * std::sqrt(wanted[row][c] / 10000)) << row << c;
    }
  }
}

TEST(RandomPermutation, c1_to_c3) {
  EXPECT_THAT(infer("random_permutation", {type(i64, {3}), kShape}, ofType(i64), {std::nullopt, {{Dim(4)}}}),
              fails("O0138", "i64[2]"));
  EXPECT_THAT(infer("random_permutation", {kState, type(i64, {2})}, ofType(i64), {std::nullopt, {{Dim(4), Dim(4)}}}),
              fails("O0138", "one length"));
  EXPECT_THAT(infer("random_permutation", {kState, kShape}, ofType(i32), {std::nullopt, {{Dim(int64_t{1} << 31)}}}),
              fails("O0133", "'dtype' is i32"));
  EXPECT_EQ(infer("random_permutation", {kState, kShape}, ofType(i32), {std::nullopt, {{dim("n")}}}), "i32[n]");
}
TEST(RandomPermutation, has_each_number_once_and_no_favourite_place) {
  std::vector<double> sums(5, 0);
  for (int64_t seed = 0; seed < 2000; ++seed) {
    std::vector<double> order = valuesOf(run("random_permutation", {state(seed), vector64({5})}, ofType(i64)));
    for (size_t i = 0; i < 5; ++i) {
      sums[i] += order[i];
    }
    std::sort(order.begin(), order.end());
    ASSERT_EQ(order, (std::vector<double>{0, 1, 2, 3, 4}));
  }
  for (double sum : sums) {
    EXPECT_NEAR(sum / 2000, 2, 4 * std::sqrt(2.0 / 2000));
  }
  expectValues(run("random_permutation", {state(0), vector64({0})}, ofType(i64)), {0}, {});
}

TEST(RandomGamma, c1_and_c2) {
  EXPECT_THAT(infer("random_gamma", {type(i64, {3}), type(f32, {4})}, with({})), fails("O0138", "i64[2]"));
  EXPECT_EQ(infer("random_gamma", {kState, type(f64, {dim("n")})}, with({})), "f64[n]");
}
TEST(RandomGamma, is_the_gamma_distribution) {
  for (double a : {0.3, 1.0, 2.5, 40.0}) {
    std::vector<double> values = valuesOf(run("random_gamma", {state(17), everywhere(f64, {10000}, a)}, with({})));
    EXPECT_LT(distanceFrom(values, [&](double x) { return gammaBelow(a, x); }), boundFor(10000)) << a;
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 10000;
    EXPECT_NEAR(mean, a, 4 * std::sqrt(a / 10000));
    double squares = 0;
    for (double value : values) {
      squares += (value - a) * (value - a);
    }
    EXPECT_NEAR(squares / 10000, a, 4 * std::sqrt((2 * a * a + 6 * a) / 10000));  // the fourth moment's deviation
  }
}
TEST(RandomGamma, edges) {
  expectValues(run("random_gamma", {state(1), tensor(f32, {4}, {0, -1, kInf, kNan})}, with({})), {4},
               {0, kNan, kNan, kNan});
}

TEST(RandomIntegers, c1_to_c3) {
  const Shapes shapes = {std::nullopt, {{Dim(4)}}};
  auto between = [](DType dtype, int64_t low, int64_t high) {
    return with({{"dtype", dtype}, {"low", low}, {"high", high}});
  };
  EXPECT_THAT(infer("random_integers", {type(i64, {3}), kShape}, between(i64, 0, 2), shapes), fails("O0138", "i64[2]"));
  EXPECT_THAT(infer("random_integers", {kState, kShape}, between(i64, 0, 2)), fails("O0113", "shape"));
  EXPECT_THAT(infer("random_integers", {kState, kShape}, between(i64, 2, 2), shapes), fails("O0133", "above low"));
  EXPECT_THAT(infer("random_integers", {kState, kShape}, between(i32, 0, int64_t{1} << 32), shapes),
              fails("O0133", "what i32 holds: -2147483648 to 2147483647"));
  EXPECT_THAT(infer("random_integers", {kState, kShape}, between(f32, 0, 2), shapes), fails("O0135", "f32[4]"));
  EXPECT_EQ(infer("random_integers", {kState, kShape}, between(i32, -5, int64_t{1} << 31), shapes), "i32[4]");
}
TEST(RandomIntegers, are_uniform_within_their_bounds) {
  std::vector<double> values = valuesOf(run("random_integers", {state(23), vector64({12000})},
                                            with({{"dtype", i32}, {"low", int64_t{-2}}, {"high", int64_t{4}}})));
  std::array<double, 6> counts = {};
  for (double value : values) {
    ASSERT_TRUE(value >= -2 && value < 4);
    counts[static_cast<size_t>(value + 2)] += 1;
  }
  double square = 0;  // chi-squared with 5 degrees of freedom; 1 of 10000 is above 25.7
  for (double count : counts) {
    square += (count - 2000) * (count - 2000) / 2000;
  }
  EXPECT_LT(square, 25.7);
  const int64_t lowest = std::numeric_limits<int64_t>::min(), highest = std::numeric_limits<int64_t>::max();
  std::vector<double> wide = valuesOf(run("random_integers", {state(29), vector64({10000})},
                                          with({{"dtype", i64}, {"low", lowest}, {"high", highest}})));
  EXPECT_LT(distanceFrom(wide, [](double x) { return x / 0x1p64 + 0.5; }), boundFor(10000));
}
TEST(RandomIntegers, are_the_upper_half_of_a_product) {
  // The words of blocks 0 and 1, from which random_uniform makes its f64 numbers.
  Tensor units = run("random_uniform", {state(42, 3), vector64({3})}, ofType(f64));
  Tensor numbers = run("random_integers", {state(42, 3), vector64({3})},
                       with({{"dtype", i64}, {"low", int64_t{0}}, {"high", int64_t{1} << 53}}));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(numbers.at(i), units.at(i) * 0x1p53);
  }
}

TEST(RandomDraws, depend_on_seed_step_and_op) {
  const std::vector<std::pair<std::string, Tensor>> ops = {{"random_truncated_normal", vector64({64})},
                                                           {"random_bernoulli", everywhere(f32, {64}, 0.5)},
                                                           {"random_permutation", vector64({64})},
                                                           {"random_gamma", everywhere(f32, {64}, 2)},
                                                           {"random_integers", vector64({64})}};
  for (const auto& [op, operand] : ops) {
    auto draw = [&](int64_t seed, int64_t step, int64_t opId) {
      Attributes attributes = {{"op_id", opId}};
      if (op != "random_gamma") {
        attributes.set("dtype", op == "random_truncated_normal" ? f32 : i64);
      }
      if (op == "random_integers") {
        attributes.set("low", int64_t{0});
        attributes.set("high", int64_t{100});
      }
      return run(op, {state(seed, step), operand}, std::move(attributes));
    };
    Tensor base = draw(1, 2, 3);
    EXPECT_TRUE(base.identicalTo(draw(1, 2, 3))) << op;
    EXPECT_FALSE(base.identicalTo(draw(2, 2, 3))) << op;
    EXPECT_FALSE(base.identicalTo(draw(1, 3, 3))) << op;
    EXPECT_FALSE(base.identicalTo(draw(1, 2, 4))) << op;
  }
}

}  // namespace
}  // namespace kiln::ops
