// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The fully connected layer.
#pragma once

#include <functional>
#include <source_location>
#include <string_view>

#include "graph/nn/initializers.h"

namespace kiln::nn {

/// A function applied to a layer's result: `relu`, `tanh`, or any lambda.
using Activation = std::function<Value(Operand)>;

struct DenseOptions {
  bool useBias = true;
  Initializer kernel = uniformFanIn();  ///< Of `w`.
  Initializer bias = uniformFanIn();    ///< Of `b`.
};

/// `activation(x w + b)` over the last axis of x [.., in]: a float tensor of rank 2 or more whose last length is a
/// number. Makes the trainable variables `name/w` [in, units] and `name/b` [units] of x's dtype. Errors: KILN-G0240,
/// KILN-G0243.
Value dense(GraphBuilder& g, std::string_view name, Value x, int64_t units, Activation activation = nullptr,
            const DenseOptions& options = {}, std::source_location where = std::source_location::current());

}  // namespace kiln::nn
