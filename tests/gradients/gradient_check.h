// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Checks derivatives: reverse against central differences and against forward mode, in f64.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/build/builder.h"
#include "graph/ir/graph.h"
#include "proto/base/tensor.h"

namespace kiln::testing {

/// An input of the function under test. Floats are differentiated.
struct Input {
  Shape shape;   ///< May be symbolic.
  Tensor value;  ///< Its dtype is the input's.
};

/// Deterministic values between `low` and `high`, as f64.
Input uniform(const Shape& shape, double low = -2, double high = 2, const std::vector<int64_t>& dims = {});
Input indices(const std::vector<int64_t>& dims, const std::vector<int32_t>& values);

struct CheckOptions {
  int order = 2;            ///< Up to which order derivatives are compared.
  double tolerance = 1e-6;  ///< Of central differences, relative to the largest derivative.
};

using Function = std::function<Value(GraphBuilder&, const std::vector<Value>&)>;

/// Builds the graph of `f`, takes its gradients, compiles them to the form before kernels, exports and interprets that,
/// and expects: reverse = central differences; <seed, forward(t)> = <reverse(seed), t>; forward = central differences
/// along t; and for order 2 the gradient of <reverse(seed), t> = central differences of it.
void checkGradients(const std::vector<Input>& inputs, const Function& f, CheckOptions options = {});

/// The graph after import, simplify, differentiate, simplify (composites expanded) and export of one entry.
StatusOr<Graph> expandDerivatives(const Graph& graph, const std::string& entry);
/// The fetches of an entry, by the interpreter; feeds in the entry's order.
std::vector<Tensor> evaluate(const Graph& graph, const std::string& entry, const std::vector<Tensor>& feeds);

}  // namespace kiln::testing
