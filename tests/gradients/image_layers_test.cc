// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Derivatives of the layers of graph/nn that read images at computed positions, and of its pools.
#include "graph/nn/deformable_convolution.h"
#include "graph/nn/pooling.h"
#include "graph/nn/regions.h"
#include "graph/nn/resize.h"
#include "graph/nn/sampling.h"
#include "gtest/gtest.h"
#include "tests/gradients/gradient_check.h"

namespace kiln {
namespace {

using testing::checkGradients;
using testing::Input;
using testing::uniform;
using Args = std::vector<Value>;

TEST(ImageLayerGradients, resize) {
  for (nn::Interpolation mode : {nn::Interpolation::kNearest, nn::Interpolation::kLinear, nn::Interpolation::kCubic}) {
    checkGradients({uniform({2, 3, 4})}, [=](GraphBuilder& g, const Args& x) {
      return tanh(nn::resize(g, x[0], {{.axis = 1, .length = 5}, {.axis = 2, .length = 3}}, {.mode = mode}));
    });
  }
  checkGradients({uniform({12, 2})}, [](GraphBuilder& g, const Args& x) {
    return tanh(
        nn::resize(g, x[0], {{.axis = 0, .length = 2}}, {.mode = nn::Interpolation::kCubic, .antialias = true}));
  });
  checkGradients({uniform({2, dim("w")}, -2, 2, {2, 3})}, [](GraphBuilder& g, const Args& x) {
    return tanh(nn::resize(g, x[0], {{.axis = 1, .length = dim("w") * 2}}));
  });
}

// Inputs keep away from elements and edges, where derivatives jump.
TEST(ImageLayerGradients, grid_sample) {
  const Input x = uniform({1, 2, 3, 4});
  Input grid = uniform({1, 2, 2, 2});
  grid.value = Tensor::of<double>({1, 2, 2, 2}, {-0.9, -0.35, 0.15, 0.2, 0.62, -1.3, 1.17, 0.41});
  for (nn::Interpolation mode : {nn::Interpolation::kLinear, nn::Interpolation::kCubic}) {
    for (nn::Outside outside : {nn::Outside::kZeros, nn::Outside::kBorder, nn::Outside::kReflection}) {
      checkGradients({x, grid},
                     [=](GraphBuilder& g, const Args& in) {
                       return tanh(nn::gridSample(g, in[0], in[1], {.mode = mode, .padding = outside}));
                     },
                     {.order = 1});
    }
  }
}

TEST(ImageLayerGradients, affine_grid) {
  checkGradients({uniform({2, 2, 3})},
                 [](GraphBuilder& g, const Args& x) { return tanh(nn::affineGrid(g, x[0], {2, 3})); });
}

TEST(ImageLayerGradients, deform_conv) {
  Input offset = uniform({1, 8, 2, 2}, 0.15, 0.85);
  checkGradients({uniform({1, 2, 3, 3}), uniform({2, 2, 2, 2}), offset, uniform({1, 4, 2, 2})},
                 [](GraphBuilder& g, const Args& x) { return tanh(nn::deformConv(g, x[0], x[1], x[2], x[3])); },
                 {.order = 1});
}

TEST(ImageLayerGradients, roi_align) {
  Input regions = uniform({2, 4});
  regions.value = Tensor::of<double>({2, 4}, {0.4, 0.75, 2.6, 3.1, 1.3, 0.2, 3.8, 2.9});
  for (bool takesLargest : {false, true}) {
    checkGradients({uniform({1, 2, 4, 5}, 0.5, 2), regions},
                   [=](GraphBuilder& g, const Args& x) {
                     const Value images = g.constant(Tensor::of<int64_t>({2}, {0, 0}));
                     return tanh(nn::roiAlign(g, x[0], x[1], images,
                                              {.height = 2, .width = 2, .samples = 2, .takesLargest = takesLargest}));
                   },
                   {.order = 1});
  }
}

TEST(ImageLayerGradients, pools) {
  const PoolOptions options{.kernel = {2}, .strides = {2}, .padding = {{0}, {1}}};
  checkGradients({uniform({1, 5, 2})},
                 [&](GraphBuilder& g, const Args& x) { return tanh(nn::sumPool(g, x[0], options)); });
  checkGradients({uniform({1, 5, 2})},
                 [&](GraphBuilder& g, const Args& x) { return tanh(nn::meanPool(g, x[0], options, false)); });
  checkGradients({uniform({1, 5, 2})},
                 [&](GraphBuilder& g, const Args& x) { return tanh(nn::largestPool(g, x[0], options)); });
  for (double p : {1, 2, 3}) {
    checkGradients({uniform({1, 5, 2}, 0.5, 2)},
                   [&](GraphBuilder& g, const Args& x) { return tanh(nn::lpPool(g, x[0], options, p)); });
  }
}

TEST(ImageLayerGradients, max_unpool_and_col2im) {
  checkGradients({uniform({1, 1, 3})}, [](GraphBuilder& g, const Args& x) {
    return tanh(nn::maxUnpool(g, x[0], g.constant(Tensor::of<int64_t>({1, 1, 3}, {0, 3, 4})), {1, 1, 6}));
  });
  checkGradients({uniform({1, 4, 2})},
                 [](GraphBuilder& g, const Args& x) { return tanh(nn::col2im(g, x[0], {3}, {.kernel = {2}})); });
}

}  // namespace
}  // namespace kiln
