// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of losses.
#include <cmath>

#include "graph/build/operations.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::indices;
using testing::uniform;
using Args = std::vector<Value>;

const char* kReductions[] = {"none", "mean", "sum"};

// The derivative of an op's scalar result for its first operand, compiled to the form before kernels.
Tensor gradientOf(const std::function<Value(Value)>& f, const Tensor& at) {
  GraphBuilder g("gradient");
  Value x = g.placeholder("x", at.dtype(), Shape::of(at.dims()));
  g.entry("gradient", {.feeds = {x}, .fetches = {{"dx", g.gradients({f(x)}, {x})[0]}}});
  StatusOr<Graph> graph = testing::expandDerivatives(*g.finish(), "gradient");
  EXPECT_TRUE(graph.ok()) << graph.status();
  return testing::evaluate(*graph, "gradient", {at})[0];
}

TEST(LossGradients, mse_loss) {
  for (const char* reduction : kReductions) {
    checkGradients({uniform({3, 4}), uniform({3, 4})},
                   [=](GraphBuilder&, const Args& x) { return mseLoss(x[0], x[1], reduction); });
  }
}
TEST(LossGradients, mae_loss) {
  for (const char* reduction : kReductions) {
    checkGradients({uniform({3, 4}), uniform({3, 4})},
                   [=](GraphBuilder&, const Args& x) { return tanh(maeLoss(x[0], x[1], reduction)); });
  }
}
TEST(LossGradients, huber_loss) {
  for (double delta : {0.5, 2.0}) {
    checkGradients({uniform({3, 4}), uniform({3, 4})},
                   [=](GraphBuilder&, const Args& x) { return tanh(huberLoss(x[0], x[1], delta, "none")); });
  }
}
TEST(LossGradients, smooth_l1) {
  for (double beta : {0.0, 1.0}) {
    checkGradients({uniform({3, 4}), uniform({3, 4})},
                   [=](GraphBuilder&, const Args& x) { return tanh(smoothL1(x[0], x[1], beta)); });
  }
}
TEST(LossGradients, bce_with_logits) {
  for (const char* reduction : kReductions) {
    checkGradients({uniform({3, 4}, -5, 5), uniform({3, 4}, 0, 1)},
                   [=](GraphBuilder&, const Args& x) { return bceWithLogits(x[0], x[1], 2.5, reduction); });
  }
}
// Where the two branches of the stable form meet, the derivative is sigmoid(0) - target.
TEST(LossGradients, bce_with_logits_at_zero) {
  const Tensor dx = gradientOf(
      [](Value x) { return bceWithLogits(x, x.builder()->constant(Tensor::of<double>({2}, {0.25, 1})), 1, "sum"); },
      Tensor::of<double>({2}, {0, 0}));
  EXPECT_EQ(dx.at(0), 0.25);
  EXPECT_EQ(dx.at(1), -0.5);
}
TEST(LossGradients, kl_div) {
  for (const char* reduction : {"mean", "sum", "batchmean", "none"}) {
    checkGradients({uniform({3, 4}, -3, 0), uniform({3, 4}, 0.1, 1)},
                   [=](GraphBuilder&, const Args& x) { return klDiv(x[0], x[1], false, reduction); });
    checkGradients({uniform({3, 4}, -3, 0), uniform({3, 4}, -3, 0)},
                   [=](GraphBuilder&, const Args& x) { return klDiv(x[0], x[1], true, reduction); });
  }
}
TEST(LossGradients, kl_div_of_target_zero_is_finite) {
  const Tensor dx =
      gradientOf([](Value t) { return klDiv(t.builder()->constant(Tensor::of<double>({1}, {-2})), t, false, "sum"); },
                 Tensor::of<double>({1}, {0}));
  EXPECT_TRUE(std::isfinite(dx.at(0)));
}
TEST(LossGradients, nll_loss) {
  for (const char* reduction : kReductions) {
    checkGradients({uniform({4, 3}), indices({4}, {2, 0, 1, 0}), uniform({3}, 0.5, 2)},
                   [=](GraphBuilder&, const Args& x) {
                     return tanh(nllLoss(x[0], x[1], {.weights = x[2], .ignoreIndex = 1, .reduction = reduction}));
                   });
  }
}
TEST(LossGradients, cross_entropy) {
  for (const char* reduction : kReductions) {
    checkGradients({uniform({4, 3}), indices({4}, {2, 0, 1, 0})}, [=](GraphBuilder&, const Args& x) {
      return crossEntropy(x[0], x[1], {.ignoreIndex = 1, .reduction = reduction});
    });
    checkGradients({uniform({4, 3}), indices({4}, {2, 0, 1, 0}), uniform({3}, 0.5, 2)},
                   [=](GraphBuilder&, const Args& x) {
                     return crossEntropy(x[0], x[1], {.weights = x[2], .labelSmoothing = 0.2, .reduction = reduction});
                   });
  }
}
TEST(LossGradients, cosine_similarity) {
  checkGradients({uniform({3, 4}), uniform({3, 4})},
                 [](GraphBuilder&, const Args& x) { return cosineSimilarity(x[0], x[1], 0); });
}
TEST(LossGradients, cosine_similarity_of_zeros_is_finite) {
  const Tensor dx = gradientOf(
      [](Value x) { return reduceSum(cosineSimilarity(x, x.builder()->constant(Tensor::of<double>({1, 2}, {1, 2})))); },
      Tensor::of<double>({1, 2}, {0, 0}));
  EXPECT_TRUE(std::isfinite(dx.at(0)) && std::isfinite(dx.at(1)));
}
TEST(LossGradients, cosine_embedding_loss) {
  for (const char* reduction : kReductions) {
    checkGradients({uniform({3, 4}, 0.5, 2), uniform({3, 4}, 0.5, 2), indices({3}, {1, -1, 0})},
                   [=](GraphBuilder&, const Args& x) { return cosineEmbeddingLoss(x[0], x[1], x[2], 0.1, reduction); });
  }
}
TEST(LossGradients, triplet_margin_loss) {
  for (double p : {1.0, 2.0, 3.0}) {
    for (bool swap : {false, true}) {
      checkGradients({uniform({3, 4}), uniform({3, 4}), uniform({3, 4})}, [=](GraphBuilder&, const Args& x) {
        return tanh(tripletMarginLoss(x[0], x[1], x[2], 4, p, 1e-6, swap, "none"));
      });
    }
  }
}
TEST(LossGradients, triplet_margin_loss_of_equal_vectors_is_finite) {
  const Tensor dx = gradientOf(
      [](Value x) {
        const Value same = x.builder()->constant(Tensor::of<double>({2}, {1, 2}));
        const Value other = x.builder()->constant(Tensor::of<double>({2}, {1, 1}));
        return tripletMarginLoss(x, same, other, 2, 2, 0);
      },
      Tensor::of<double>({2}, {1, 2}));
  EXPECT_EQ(dx.at(0), 0);
  EXPECT_EQ(dx.at(1), -1);
}
// Of a program that trains: log_softmax first.
TEST(LossGradients, ctc_loss) {
  for (const char* reduction : kReductions) {
    checkGradients(
        {uniform({6, 3, 4}), indices({3, 2}, {1, 2, 3, 3, 2, 1}), indices({3}, {6, 5, 3}), indices({3}, {2, 2, 1})},
        [=](GraphBuilder&, const Args& x) {
          return ctcLoss(logSoftmax(x[0]), x[1], x[2], x[3], {.reduction = reduction});
        },
        {.order = 1});
  }
}

}  // namespace
}  // namespace kiln
