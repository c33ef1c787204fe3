// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/methods.h"

#include <cmath>

#include "gmock/gmock.h"
#include "graph/eval/interpreter.h"
#include "gtest/gtest.h"

namespace kiln {
namespace {

using testing::HasSubstr;

// The values of a matrix and a vector after steps 1, 3 and 8.
struct Golden {
  const char* name;
  std::vector<std::vector<double>> parameters;
};
const Golden kGolden[] = {
#include "graph/optim/golden_steps.inc"
};

// The same settings as in make_golden.py.
const std::map<std::string, std::function<optim::Optimizer(GraphBuilder&)>> kMakers = {
    {"sgd", [](GraphBuilder& g) { return optim::sgd(g, {.learningRate = 0.1, .weightDecay = 0.01}); }},
    {"momentum", [](GraphBuilder& g) { return optim::momentum(g, {.learningRate = 0.1}); }},
    {"nesterov",
     [](GraphBuilder& g) {
       return optim::momentum(g, {.learningRate = 0.1, .momentum = 0.8, .nesterov = true, .weightDecay = 0.01});
     }},
    {"lion", [](GraphBuilder& g) { return optim::lion(g, {.learningRate = 0.01, .weightDecay = 0.1}); }},
    {"adagrad", [](GraphBuilder& g) { return optim::adagrad(g); }},
    {"adagrad_all",
     [](GraphBuilder& g) {
       return optim::adagrad(g, {.learningRate = 0.1,
                                 .learningRateDecay = 0.05,
                                 .initialAccumulator = 0.2,
                                 .epsilon = 1e-6,
                                 .weightDecay = 0.01});
     }},
    {"adadelta", [](GraphBuilder& g) { return optim::adadelta(g); }},
    {"adadelta_all",
     [](GraphBuilder& g) {
       return optim::adadelta(g, {.learningRate = 0.5, .rho = 0.8, .epsilon = 1e-4, .weightDecay = 0.01});
     }},
    {"rmsprop", [](GraphBuilder& g) { return optim::rmsprop(g); }},
    {"rmsprop_momentum",
     [](GraphBuilder& g) { return optim::rmsprop(g, {.learningRate = 0.05, .alpha = 0.9, .momentum = 0.5}); }},
    {"rmsprop_all",
     [](GraphBuilder& g) {
       return optim::rmsprop(g, {.learningRate = 0.05,
                                 .alpha = 0.9,
                                 .epsilon = 1e-3,
                                 .momentum = 0.5,
                                 .centered = true,
                                 .weightDecay = 0.01});
     }},
    {"adafactor", [](GraphBuilder& g) { return optim::adafactor(g); }},
    {"adafactor_all",
     [](GraphBuilder& g) {
       return optim::adafactor(g, {.learningRate = 0.3,
                                   .beta2Decay = -0.5,
                                   .epsilon1 = 1e-3,
                                   .epsilon2 = 0.01,
                                   .clipThreshold = 1.1,
                                   .weightDecay = 0.1});
     }},
    {"adam", [](GraphBuilder& g) { return optim::adam(g, {.learningRate = 0.1, .weightDecay = 0.01}); }},
    {"adamw", [](GraphBuilder& g) { return optim::adamw(g, {.learningRate = 0.1}); }},
    {"adamw_all",
     [](GraphBuilder& g) {
       return optim::adamw(g, {.learningRate = 0.1, .beta1 = 0.8, .beta2 = 0.99, .epsilon = 1e-4, .weightDecay = 0.1});
     }},
    {"amsgrad", [](GraphBuilder& g) { return optim::amsgrad(g, {.learningRate = 0.1, .weightDecay = 0.01}); }},
    {"adamax", [](GraphBuilder& g) { return optim::adamax(g, {.weightDecay = 0.01}); }},
    {"nadam", [](GraphBuilder& g) { return optim::nadam(g, {.weightDecay = 0.01}); }},
    {"nadam_all",
     [](GraphBuilder& g) {
       return optim::nadam(g, {.learningRate = 0.1, .beta1 = 0.8, .beta2 = 0.99, .momentumDecay = 0.1});
     }},
    {"lamb", [](GraphBuilder& g) { return optim::lamb(g, {.learningRate = 0.1, .weightDecay = 0.01}); }},
};

class StepsAsInPyTorch : public testing::TestWithParam<Golden> {};

TEST_P(StepsAsInPyTorch, InDoublePrecision) {
  GraphBuilder g("steps");
  auto w = g.variable("w", g.constant(Tensor::of<double>({2, 3}, {1, -2, 0.5, 0.25, 3, -1.5})));
  auto v = g.variable("v", g.constant(Tensor::of<double>({3}, {0, 1, -0.5})));
  auto ofMatrix = g.placeholder("dw", f64, {2, 3}), ofVector = g.placeholder("dv", f64, {3});
  auto step = kMakers.at(GetParam().name)(g).apply({ofMatrix, ofVector}, {w, v});
  g.entry("step", {.feeds = {ofMatrix, ofVector}, .targets = {step}});
  StatusOr<Graph> graph = g.finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  VariableStore store = initialValues(*graph).value();
  size_t row = 0;
  for (int t = 0; t < 8; ++t) {
    std::vector<double> ofW, ofV;
    for (int i = 0; i < 6; ++i) {
      ofW.push_back(((7 * i + 5 * t + i * t) % 11 - 5) / 4.0);
    }
    for (int i = 0; i < 3; ++i) {
      ofV.push_back(((3 * i + 2 * t + i * t) % 7 - 3) / 2.0);
    }
    const Tensor dw = Tensor::of<double>({2, 3}, ofW), dv = Tensor::of<double>({3}, ofV);
    ASSERT_TRUE(Interpreter().evaluate(*graph, *graph->findEntry("step"), {dw, dv}, store).ok());
    if (t != 0 && t != 2 && t != 7) {
      continue;
    }
    const std::vector<double>& wanted = GetParam().parameters[row++];
    for (int i = 0; i < 9; ++i) {
      const double found = i < 6 ? store.find("w")->at(i) : store.find("v")->at(i - 6);
      const size_t at = static_cast<size_t>(i);
      EXPECT_NEAR(found, wanted[at], 1e-12 * std::max(1.0, std::fabs(wanted[at]))) << "step " << t << " element " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, StepsAsInPyTorch, testing::ValuesIn(kGolden),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Methods, EveryOneHasGoldenSteps) {
  for (const std::string& name : optim::optimizerNames()) {
    EXPECT_TRUE(kMakers.contains(name)) << name;
  }
  EXPECT_EQ(std::size(kGolden), kMakers.size());
}

TEST(Methods, StateIsVariablesNamedAfterTheirs) {
  GraphBuilder g("names");
  auto w = g.variable("hidden/w", g.constant(Tensor(f32, {4, 3}))), b = g.variable("b", g.constant(Tensor(f32, {3})));
  const std::vector<Value> gradients = {g.constant(Tensor(f32, {4, 3})), g.constant(Tensor(f32, {3}))};
  optim::rmsprop(g, {.momentum = 0.5, .centered = true}).apply(gradients, {w, b});
  optim::adafactor(g).apply(gradients, {w, b});
  optim::amsgrad(g).apply(gradients, {w, b});
  optim::nadam(g).apply(gradients, {w, b});
  Graph graph = g.finish().value();
  for (const char* name :
       {"hidden/w/rmsprop/square_average", "b/rmsprop/gradient_average", "b/rmsprop/velocity", "b/adafactor/variance",
        "hidden/w/amsgrad/max_second_moment", "nadam/momentum_product", "nadam/step", "adafactor/step"}) {
    EXPECT_NE(graph.findNode(name), nullptr) << name;
  }
  // A row and a column in the place of a matrix.
  VariableStore store = initialValues(graph).value();
  EXPECT_THAT(store.find("hidden/w/adafactor/row_variance")->dims(), testing::ElementsAre(4, 1));
  EXPECT_THAT(store.find("hidden/w/adafactor/column_variance")->dims(), testing::ElementsAre(1, 3));
}

TEST(Methods, AreMadeByName) {
  for (const std::string& name : optim::optimizerNames()) {
    GraphBuilder g(name);
    auto w = g.variable("w", 1.0);
    auto method = optim::makeOptimizer(g, name, {.learningRate = 0.5, .weightDecay = 0.25});
    ASSERT_TRUE(method.ok()) << method.status();
    method->minimize(w * w);
    Graph graph = g.finish().value();
    const std::string text = toString(graph);
    EXPECT_THAT(text, HasSubstr("weight_decay = 0.25")) << name;
    EXPECT_THAT(text, HasSubstr(name == "nesterov" ? "nesterov = true" : "kiln." + name));
  }
}

TEST(Methods, ByNameTakeTheirOwnDefaults) {
  GraphBuilder g("defaults");
  auto w = g.variable("w", 1.0);
  optim::makeOptimizer(g, "adamw")->minimize(w * w);
  optim::makeOptimizer(g, "rmsprop", {.momentum = 0.75})->minimize(w * w);
  const std::string text = toString(g.finish().value());
  // Only attributes other than the op's own defaults are printed.
  EXPECT_THAT(text, HasSubstr("momentum = 0.75"));
  EXPECT_THAT(text, testing::Not(HasSubstr("weight_decay")));
}

TEST(Methods, UnknownNamesAndOptionsAreRefused) {
  GraphBuilder g("wrong");
  EXPECT_THAT(std::string(optim::makeOptimizer(g, "adamm").status().message()),
              testing::AllOf(HasSubstr("KILN-G0243"), HasSubstr("'adamm'"), HasSubstr("did you mean 'adam'")));
  EXPECT_THAT(std::string(optim::makeOptimizer(g, "adam", {.momentum = 0.9}).status().message()),
              testing::AllOf(HasSubstr("KILN-G0243"), HasSubstr("'momentum' of adam is 0.9")));
  auto w = g.variable("w", 1.0);
  optim::adamw(g, {.beta2 = 1}).minimize(w * w);
  EXPECT_THAT(std::string(g.finish().status().message()),
              testing::AllOf(HasSubstr("KILN-G0243"), HasSubstr("'beta2' of adamw")));
}

}  // namespace
}  // namespace kiln
