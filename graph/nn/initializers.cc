// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/initializers.h"

#include <algorithm>
#include <cmath>

namespace kiln::nn {
namespace {

Value uniform(const InitializerContext& c, double bound) {
  return randomUniform(c.g, c.shape, c.dtype, -bound, bound, c.where);
}

// A layer without inputs has no scale to keep; its variables have no elements.
double atLeastOne(int64_t fan) { return static_cast<double>(std::max<int64_t>(fan, 1)); }

}  // namespace

Initializer uniformFanIn() {
  return [](const InitializerContext& c) { return uniform(c, 1 / std::sqrt(atLeastOne(c.fanIn))); };
}

Initializer glorotUniform() {
  return [](const InitializerContext& c) { return uniform(c, std::sqrt(6 / atLeastOne(c.fanIn + c.fanOut))); };
}

Initializer heNormal() {
  return [](const InitializerContext& c) {
    return randomNormal(c.g, c.shape, c.dtype, 0, std::sqrt(2 / atLeastOne(c.fanIn)), c.where);
  };
}

Initializer normal(double stddev) {
  return [stddev](const InitializerContext& c) { return randomNormal(c.g, c.shape, c.dtype, 0, stddev, c.where); };
}

Initializer constant(double value) {
  return [value](const InitializerContext& c) { return full(c.g, c.shape, value, c.dtype, c.where); };
}

}  // namespace kiln::nn
