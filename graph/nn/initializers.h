// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Starting values for variables.
#pragma once

#include <functional>
#include <source_location>

#include "graph/build/operations.h"

namespace kiln::nn {

/// What an initializer knows of the variable: its type, and how many inputs and outputs one unit has.
struct InitializerContext {
  GraphBuilder& g;
  Shape shape;
  DType dtype = f32;
  int64_t fanIn = 1;
  int64_t fanOut = 1;
  std::source_location where;
};
using Initializer = std::function<Value(const InitializerContext&)>;

/// Uniform on [-1/sqrt(fanIn), 1/sqrt(fanIn)): the default of torch.nn.Linear, for weights and biases.
Initializer uniformFanIn();
/// Uniform with the variance 2 / (fanIn + fanOut): for tanh and sigmoid (Glorot and Bengio, AISTATS 2010).
Initializer glorotUniform();
/// Normal with the variance 2 / fanIn: for relu (He et al., ICCV 2015).
Initializer heNormal();
Initializer normal(double stddev);
Initializer constant(double value);
inline Initializer zeros() { return constant(0); }
inline Initializer ones() { return constant(1); }

}  // namespace kiln::nn
