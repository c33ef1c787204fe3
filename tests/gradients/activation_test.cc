// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of the activations: against differences where they are smooth, by value at their kinks.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;
using Function = Value (*)(const Value&);

struct Activation {
  const char* name;
  Function f;
};

#define KILN_ACTIVATION(name, call)                    \
  Activation {                                         \
    name, [](const Value& x) -> Value { return call; } \
  }
const Activation kActivations[] = {
    KILN_ACTIVATION("leaky_relu", leakyRelu(x)),
    KILN_ACTIVATION("leaky_relu_alpha", leakyRelu(x, 0.3)),
    KILN_ACTIVATION("elu", elu(x)),
    KILN_ACTIVATION("elu_alpha", elu(x, 0.7)),
    KILN_ACTIVATION("selu", selu(x)),
    KILN_ACTIVATION("celu", celu(x)),
    KILN_ACTIVATION("celu_alpha", celu(x, 0.7)),
    KILN_ACTIVATION("gelu", gelu(x)),
    KILN_ACTIVATION("gelu_tanh", geluTanh(x)),
    KILN_ACTIVATION("silu", silu(x)),
    KILN_ACTIVATION("mish", mish(x)),
    KILN_ACTIVATION("softplus", softplus(x)),
    KILN_ACTIVATION("softplus_beta", softplus(x, 2.5)),
    KILN_ACTIVATION("softsign", softsign(x)),
    KILN_ACTIVATION("hard_sigmoid", hardSigmoid(x)),
    KILN_ACTIVATION("hard_swish", hardSwish(x)),
    KILN_ACTIVATION("hard_tanh", hardTanh(x)),
    KILN_ACTIVATION("hard_tanh_range", hardTanh(x, -0.5, 1.5)),
    KILN_ACTIVATION("relu6", relu6(x)),
    KILN_ACTIVATION("log_sigmoid", logSigmoid(x)),
    KILN_ACTIVATION("thresholded_relu", thresholdedRelu(x)),
    KILN_ACTIVATION("softshrink", softshrink(x)),
    KILN_ACTIVATION("hardshrink", hardshrink(x)),
};
#undef KILN_ACTIVATION

class ActivationGradients : public ::testing::TestWithParam<Activation> {};

TEST_P(ActivationGradients, reverse_forward_and_second_order_agree_with_differences) {
  const Function f = GetParam().f;
  checkGradients({uniform({3, 4}, -4, 4)}, [&](GraphBuilder&, const Args& x) { return f(x[0]) * x[0]; });
}

INSTANTIATE_TEST_SUITE_P(Ops, ActivationGradients, ::testing::ValuesIn(kActivations),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(ActivationGradients, prelu) {
  checkGradients({uniform({3, 4}), uniform({4}, 0.1, 0.5)},
                 [](GraphBuilder&, const Args& x) { return prelu(x[0], x[1]) * x[0]; });
}

// The derivative of f at the points of x.
std::vector<double> slopes(const std::vector<double>& at, Function f) {
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

TEST(ActivationGradients, at_kinks_are_those_of_pytorch) {
  using Values = std::vector<double>;
  EXPECT_EQ(slopes({0}, [](const Value& x) { return leakyRelu(x, 0.25); }), Values{0.25});
  EXPECT_EQ(slopes({0}, [](const Value& x) { return elu(x, 2.0); }), Values{2});
  EXPECT_EQ(slopes({0}, [](const Value& x) { return celu(x, 2.0); }), Values{1});
  EXPECT_DOUBLE_EQ(slopes({0}, [](const Value& x) { return selu(x); })[0], 1.0507009873554805 * 1.6732632423543772);
  EXPECT_EQ(slopes({0}, [](const Value& x) { return softplus(x); }), Values{0.5});
  EXPECT_EQ(slopes({0}, [](const Value& x) { return softsign(x); }), Values{1});
  EXPECT_EQ(slopes({0}, [](const Value& x) { return logSigmoid(x); }), Values{0.5});
  EXPECT_EQ(slopes({-3, 3}, [](const Value& x) { return hardSigmoid(x); }), (Values{0, 0}));
  EXPECT_EQ(slopes({-3, 3}, [](const Value& x) { return hardSwish(x); }), (Values{0, 1}));
  EXPECT_EQ(slopes({-1, 1}, [](const Value& x) { return hardTanh(x); }), (Values{0, 0}));
  EXPECT_EQ(slopes({0, 6}, [](const Value& x) { return relu6(x); }), (Values{0, 0}));
  EXPECT_EQ(slopes({1}, [](const Value& x) { return thresholdedRelu(x); }), Values{0});
  EXPECT_EQ(slopes({-0.5, 0.5}, [](const Value& x) { return softshrink(x); }), (Values{0, 0}));
  EXPECT_EQ(slopes({-0.5, 0.5}, [](const Value& x) { return hardshrink(x); }), (Values{0, 0}));
}

TEST(ActivationGradients, far_out_are_finite) {
  for (const Activation& activation : kActivations) {
    for (const double slope : slopes({-1000, 1000}, activation.f)) {
      EXPECT_TRUE(std::abs(slope) < 3) << activation.name << ": " << slope;
    }
  }
}

}  // namespace
}  // namespace kiln
