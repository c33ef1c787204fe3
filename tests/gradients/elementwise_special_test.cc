// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of the mathematical functions, remainders, and ops of several operands.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::CheckOptions;
using testing::uniform;
using Args = std::vector<Value>;

const Shape kShape = {3, 4};

struct Unary {
  const char* name;
  Value (*f)(Operand);
  double low, high;
};

// Without first derivatives of the second order: trigamma has none.
constexpr CheckOptions kFirstOrder{.order = 1};

class SpecialGradients : public ::testing::TestWithParam<Unary> {};

TEST_P(SpecialGradients, reverse_forward_and_second_order_agree_with_differences) {
  const Unary c = GetParam();
  const bool isDigamma = std::string(c.name) == "digamma";
  checkGradients(
      {uniform(kShape, c.low, c.high)}, [&](GraphBuilder&, const Args& x) { return c.f(x[0]); },
      isDigamma ? kFirstOrder : CheckOptions{});
}

INSTANTIATE_TEST_SUITE_P(
    Ops, SpecialGradients,
    ::testing::Values(Unary{"expm1", expm1, -2, 2}, Unary{"log1p", log1p, -0.5, 2}, Unary{"exp2", exp2, -2, 2},
                      Unary{"log2", log2, 0.5, 3}, Unary{"log10", log10, 0.5, 3}, Unary{"erf", erf, -2, 2},
                      Unary{"erfc", erfc, -2, 2}, Unary{"erfinv", erfinv, -0.8, 0.8}, Unary{"lgamma", lgamma, 0.5, 4},
                      Unary{"digamma", digamma, 0.5, 4}, Unary{"sin", sin, -4, 4}, Unary{"cos", cos, -4, 4},
                      Unary{"tan", tan, -1, 1}, Unary{"asin", asin, -0.8, 0.8}, Unary{"acos", acos, -0.8, 0.8},
                      Unary{"atan", atan, -3, 3}, Unary{"sinh", sinh, -2, 2}, Unary{"cosh", cosh, -2, 2},
                      Unary{"asinh", asinh, -3, 3}, Unary{"acosh", acosh, 1.5, 4}, Unary{"atanh", atanh, -0.8, 0.8},
                      Unary{"reciprocal", reciprocal, 0.5, 2}, Unary{"square", square, -2, 2},
                      Unary{"cbrt", cbrt, 0.5, 3}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SpecialGradients, whole_numbers_are_flat) {
  checkGradients({uniform(kShape, 0.1, 0.4)}, [](GraphBuilder&, const Args& x) {
    return x[0] * (floor(x[0]) + ceil(x[0]) + round(x[0] * 1.2) + trunc(x[0]));
  });
}
TEST(SpecialGradients, atan2) {
  checkGradients({uniform(kShape), uniform(kShape, 0.5, 2)},
                 [](GraphBuilder&, const Args& x) { return atan2(x[0], x[1]); });
  checkGradients({uniform(kShape), uniform(kShape, -2, -0.5)},
                 [](GraphBuilder&, const Args& x) { return atan2(x[1], x[0]); });
}
TEST(SpecialGradients, hypot) {
  checkGradients({uniform(kShape), uniform(kShape, 0.5, 2)},
                 [](GraphBuilder&, const Args& x) { return hypot(x[0], x[1]); });
}
TEST(SpecialGradients, copysign) {
  checkGradients({uniform(kShape, 0.5, 2), uniform(kShape)},
                 [](GraphBuilder&, const Args& x) { return copysign(x[0] * x[0], x[1]); });
}
TEST(SpecialGradients, mod_and_remainder_between_their_steps) {
  checkGradients({uniform(kShape, 3.1, 3.9), uniform(kShape, 1.0, 1.02)},
                 [](GraphBuilder&, const Args& x) { return mod(-x[0], x[1]) * remainder(x[0], x[1]); });
}
TEST(SpecialGradients, fma) {
  checkGradients({uniform(kShape), uniform(kShape), uniform(kShape)},
                 [](GraphBuilder&, const Args& x) { return fma(x[0], x[1], x[2]) * x[0]; });
}
TEST(SpecialGradients, clamp) {
  checkGradients({uniform(kShape), uniform(kShape, -1.5, -0.5), uniform(kShape, 0.5, 1.5)},
                 [](GraphBuilder&, const Args& x) { return clamp(x[0], x[1], x[2]) * x[0]; });
}

// The derivative of f at the points of x.
std::vector<double> slopes(const std::vector<double>& at, Value (*f)(Operand)) {
  GraphBuilder g("slopes");
  const int64_t n = static_cast<int64_t>(at.size());
  Value x = g.placeholder("x", f64, {n});
  g.entry("reverse", {.feeds = {x}, .fetches = {{"g", g.gradients({reduceSum(f(x))}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  EXPECT_TRUE(graph.ok()) << graph.status();
  const Tensor result = testing::evaluate(*graph, "reverse", {Tensor::of<double>({n}, at)})[0];
  std::vector<double> values;
  for (int64_t i = 0; i < n; ++i) {
    values.push_back(result.at(i));
  }
  return values;
}

TEST(SpecialGradients, ends_of_a_range_pass_the_derivative_on) {
  EXPECT_EQ(slopes({-1, 0, 1, 2}, [](Operand x) { return clamp(x, 0.0, 1.0); }), (std::vector<double>{0, 1, 1, 0}));
}
TEST(SpecialGradients, the_length_of_nothing_has_no_direction) {
  EXPECT_EQ(slopes({0, 3}, [](Operand x) { return hypot(x, 0.0); }), (std::vector<double>{0, 1}));
}

}  // namespace
}  // namespace kiln
