// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of convolution, pooling, normalisation and dropout.
#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;

// The factor makes second derivatives other than zero.
Value curved(Value x) { return tanh(x); }

TEST(ConvolutionGradients, unfold) {
  checkGradients({uniform({2, 4, 3, 2}), uniform({})}, [](GraphBuilder&, const Args& x) {
    return curved(unfold(x[0], x[1], {.kernel = {2, 3}, .strides = {2, 1}, .padding = {{1, 1}, {0, 1}}}));
  });
  checkGradients({uniform({1, 6, 1}), uniform({})}, [](GraphBuilder&, const Args& x) {
    return curved(unfold(x[0], x[1], {.kernel = {2}, .dilations = {3}}));
  });
}

TEST(ConvolutionGradients, fold) {
  checkGradients({uniform({2, 3, 2, 2})},
                 [](GraphBuilder&, const Args& x) { return curved(fold(x[0], {4}, {.kernel = {2}})); });
  checkGradients({uniform({1, 2, 3, 3, 2, 2})}, [](GraphBuilder&, const Args& x) {
    return curved(fold(x[0], {4, 3}, {.kernel = {3, 2}, .strides = {2, 1}, .padding = {{1, 1}, {0, 0}}}));
  });
}

TEST(ConvolutionGradients, conv) {
  checkGradients({uniform({2, 5, 2}), uniform({3, 2, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(conv(x[0], x[1], {.padding = Padding::same()})); });
  checkGradients({uniform({1, 4, 5, 2}), uniform({2, 3, 2, 2})}, [](GraphBuilder&, const Args& x) {
    return curved(conv(x[0], x[1], {.strides = {2, 1}, .dilations = {1, 2}, .padding = 1}));
  });
  checkGradients({uniform({1, 2, 4, 3}), uniform({3, 2, 2, 2})}, [](GraphBuilder&, const Args& x) {
    return curved(conv(x[0], x[1], {.layout = "NCHW", .filterLayout = "OIHW"}));
  });
}

TEST(ConvolutionGradients, conv_pointwise_grouped_and_depthwise) {
  checkGradients({uniform({2, 3, 2}), uniform({1, 2, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(conv(x[0], x[1])); });
  checkGradients({uniform({1, 4, 4}), uniform({2, 2, 6})},
                 [](GraphBuilder&, const Args& x) { return curved(conv(x[0], x[1], {.groups = 2})); });
  checkGradients({uniform({1, 4, 3, 3}), uniform({2, 2, 1, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(conv(x[0], x[1], {.padding = 1, .groups = 3})); });
}

TEST(ConvolutionGradients, conv_of_symbolic_lengths) {
  checkGradients({uniform({dim("n"), dim("w"), 2}, -2, 2, {2, 4, 2}), uniform({3, 2, 2})},
                 [](GraphBuilder&, const Args& x) { return curved(conv(x[0], x[1], {.padding = 1})); });
}

TEST(ConvolutionGradients, conv_transpose) {
  checkGradients({uniform({2, 3, 2}), uniform({3, 2, 3})}, [](GraphBuilder&, const Args& x) {
    return curved(convTranspose(x[0], x[1], {.strides = {2}, .padding = 1, .outputPadding = {1}}));
  });
  checkGradients({uniform({1, 4, 2, 2}), uniform({4, 1, 2, 3})}, [](GraphBuilder&, const Args& x) {
    return curved(
        convTranspose(x[0], x[1], {.dilations = {2, 1}, .groups = 2, .layout = "NCHW", .filterLayout = "IOHW"}));
  });
}

TEST(ConvolutionGradients, max_pool) {
  checkGradients({uniform({2, 4, 4, 2})},
                 [](GraphBuilder&, const Args& x) { return curved(maxPool(x[0], {.kernel = {2}})); });
  checkGradients({uniform({1, 2, 5, 4})}, [](GraphBuilder&, const Args& x) {
    return curved(maxPool(x[0], {.kernel = {3}, .strides = {2}, .padding = 1, .ceilMode = true, .layout = "NCHW"}));
  });
  checkGradients({uniform({dim("n"), dim("w"), 2}, -2, 2, {2, 5, 2})}, [](GraphBuilder&, const Args& x) {
    return curved(maxPool(x[0], {.kernel = {3}, .strides = {1}, .padding = 1}));
  });
}

TEST(ConvolutionGradients, max_pool_goes_to_the_first_of_equal_ones) {
  GraphBuilder g("ties");
  Value x = g.placeholder("x", f64, {1, 4, 1});
  g.entry("reverse",
          {.feeds = {x},
           .fetches = {{"g", g.gradients({reduceSum(maxPool(x, {.kernel = {3}, .strides = {1}}))}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "reverse");
  ASSERT_TRUE(graph.ok()) << graph.status();
  Tensor result = testing::evaluate(*graph, "reverse", {Tensor::of<double>({1, 4, 1}, {1, 2, 2, 2})})[0];
  EXPECT_EQ(result.toString(), Tensor::of<double>({1, 4, 1}, {0, 2, 0, 0}).toString());
}

TEST(ConvolutionGradients, avg_pool) {
  for (bool countPadding : {false, true}) {
    checkGradients({uniform({1, 5, 4, 2})}, [=](GraphBuilder&, const Args& x) {
      return curved(avgPool(x[0], {.kernel = {3}, .strides = {2}, .padding = 1}, countPadding));
    });
  }
}

TEST(ConvolutionGradients, adaptive_pools) {
  for (int64_t size : {2, 3}) {
    checkGradients({uniform({1, 4, 2})},
                   [=](GraphBuilder&, const Args& x) { return curved(adaptiveAvgPool(x[0], {size})); });
    checkGradients({uniform({2, 4, 2})},
                   [=](GraphBuilder&, const Args& x) { return curved(adaptiveMaxPool(x[0], {size}).values); });
  }
  checkGradients({uniform({1, 2, 5, 4})},
                 [](GraphBuilder&, const Args& x) { return curved(adaptiveMaxPool(x[0], {3, 2}, "NCHW").values); });
}

TEST(ConvolutionGradients, global_pools) {
  checkGradients({uniform({2, 3, 3, 2})},
                 [](GraphBuilder&, const Args& x) { return curved(globalAvgPool(x[0]) * globalMaxPool(x[0])); });
}

TEST(NormalizationGradients, batch_norm) {
  for (int64_t axis : {-1, 1}) {
    checkGradients({uniform({3, 2, 2}), uniform({2}), uniform({2})},
                   [=](GraphBuilder&, const Args& x) { return curved(batchNorm(x[0], x[1], x[2], axis).result); });
  }
  checkGradients({uniform({4, 2}), uniform({2}), uniform({2})}, [](GraphBuilder&, const Args& x) {
    const auto normal = batchNorm(x[0], x[1], x[2]);
    return normal.mean * normal.variance;
  });
}

TEST(NormalizationGradients, batch_norm_inference) {
  checkGradients({uniform({3, 2}), uniform({2}), uniform({2}), uniform({2}), uniform({2}, 1, 2)},
                 [](GraphBuilder&, const Args& x) { return curved(batchNormInference(x[0], x[1], x[2], x[3], x[4])); });
}

TEST(NormalizationGradients, layer_and_rms_norm) {
  checkGradients({uniform({3, 4}), uniform({4}), uniform({4})},
                 [](GraphBuilder&, const Args& x) { return curved(layerNorm(x[0], x[1], x[2])); });
  checkGradients({uniform({2, 2, 3}), uniform({2, 3}), uniform({2, 3})},
                 [](GraphBuilder&, const Args& x) { return curved(layerNorm(x[0], x[1], x[2], 1)); });
  checkGradients({uniform({3, 4}), uniform({4})},
                 [](GraphBuilder&, const Args& x) { return curved(rmsNorm(x[0], x[1])); });
}

TEST(NormalizationGradients, instance_and_group_norm) {
  checkGradients({uniform({2, 3, 2}), uniform({2}), uniform({2})},
                 [](GraphBuilder&, const Args& x) { return curved(instanceNorm(x[0], x[1], x[2])); });
  checkGradients({uniform({2, 4, 2}), uniform({4}), uniform({4})},
                 [](GraphBuilder&, const Args& x) { return curved(groupNorm(x[0], x[1], x[2], 2, 1)); });
}

TEST(DropoutGradients, keeps_what_the_forward_pass_kept) {
  GraphBuilder g("dropout");
  Value x = g.placeholder("x", f64, {64});
  Value y = dropout(x, 0.5);
  g.entry("both", {.feeds = {x}, .fetches = {{"y", y}, {"g", g.gradients({reduceSum(y)}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "both");
  ASSERT_TRUE(graph.ok()) << graph.status();
  const auto results = testing::evaluate(*graph, "both", {Tensor::of<double>({64}, std::vector<double>(64, 1.0))});
  EXPECT_EQ(results[0].toString(), results[1].toString());
}

}  // namespace
}  // namespace kiln
