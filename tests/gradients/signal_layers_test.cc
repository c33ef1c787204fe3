// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of transforms, and of quantized weights for their scales.
#include "graph/build/operations.h"
#include "graph/nn/quantization.h"
#include "graph/nn/signal.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::uniform;
using Args = std::vector<Value>;

// Not plain sums, so that every element has its own weight.
Value total(const Value& x) { return reduceSum(sin(x)); }

TEST(SignalLayerGradients, transforms_of_real_and_complex_signals) {
  checkGradients({uniform({2, 5, 2})}, [](GraphBuilder&, const Args& x) { return total(nn::dft(x[0])); });
  checkGradients({uniform({4, 3, 1})}, [](GraphBuilder&, const Args& x) {
    return total(nn::dft(x[0], {.axis = 0, .length = 6, .isOneSided = true}));
  });
  checkGradients({uniform({4, 2})}, [](GraphBuilder&, const Args& x) {
    return total(nn::dft(x[0], {.isInverse = true, .isOneSided = true}));
  });
}

TEST(SignalLayerGradients, transforms_of_long_signals_in_several_steps) {
  // Only the first elements are differentiated; zeros follow them.
  for (int64_t n : {640, 661}) {
    checkGradients({uniform({1, 3, 2}, -0.1, 0.1)},
                   [n](GraphBuilder&, const Args& x) { return total(nn::dft(x[0], {.length = n})); }, {.order = 1});
  }
}

TEST(SignalLayerGradients, frames_of_symbolic_signals_and_their_window) {
  checkGradients({uniform({dim("batch"), dim("n"), 1}, -1, 1, {2, 9, 1}), uniform({4})},
                 [](GraphBuilder&, const Args& x) { return total(nn::stft(x[0], x[1], {.step = 2, .length = 4})); });
}

TEST(SignalLayerGradients, dequantized_weights_depend_on_their_scales) {
  checkGradients({uniform({3}), uniform({2, 3})}, [](GraphBuilder& g, const Args& x) {
    const Value codes = g.constant(Tensor::of<int8_t>({3, 4}, {1, -2, 3, -4, 5, -6, 7, -8, 0, 1, 2, 3}));
    const Value weights =
        nn::dequantizeLinear(codes, x[0], {}, {.type = nn::NarrowType::kI4, .granularity = {.axis = 0}});
    return total(matmul(x[1], weights));
  });
}

}  // namespace
}  // namespace kiln
