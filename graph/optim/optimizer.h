// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Optimizers: from a loss to a target that updates variables. Formulas and defaults are those of PyTorch 2.
#pragma once

#include <functional>
#include <map>
#include <source_location>
#include <string>
#include <vector>

#include "graph/build/operations.h"

namespace kiln::optim {

/// Builds update steps. Slots (moments, velocities) are variables named after their variable,
/// `hidden/w/adam/first_moment`; they start at zero and are not trainable. Valid as long as the builder.
class Optimizer {
 public:
  /// Adds the updates of `variables` (all trainable ones made so far by default) that lower `loss`, a float scalar. The
  /// target is a group. Errors: KILN-G0241 when there is nothing to train, and those of GraphBuilder::gradients().
  Target minimize(Value loss, const std::vector<Value>& variables = {},
                  std::source_location where = std::source_location::current());
  /// Adds the updates of variables for given gradients, one for each. Errors: KILN-G0242.
  Target apply(const std::vector<Value>& gradients, const std::vector<Value>& variables,
               std::source_location where = std::source_location::current());

  /// What one step of a method needs beside the variable and its gradient.
  struct Context {
    GraphBuilder& g;
    std::string name;    ///< `adam`; of slots' scopes.
    Value learningRate;  ///< A scalar of the variable's dtype.
    Value step;          ///< The number of this step, from 1, when the method counts; i64.
    std::source_location where;
  };
  /// Adds the new values of one variable and its slots.
  using Rule = std::function<std::vector<Target>(const Context&, Value variable, Value gradient)>;

  /// A method of one's own: `countsSteps` adds the variable `name/step`.
  Optimizer(GraphBuilder& g, std::string name, Operand learningRate, bool countsSteps, Rule rule);

 private:
  Value learningRateFor(DType dtype, std::source_location where);

  GraphBuilder* g_;
  std::string name_;
  Operand learningRate_;
  bool countsSteps_;
  Rule rule_;
  std::map<DType, Value> learningRates_;
};

/// A slot: a variable in the current scope that is not trainable, zero at first, of the type of `variable`.
Value makeSlot(GraphBuilder& g, std::string_view name, Value variable, std::source_location where);

struct SgdOptions {
  Operand learningRate = 1e-3;  ///< A number, or a float scalar of the graph.
  double weightDecay = 0;
};
struct MomentumOptions {
  Operand learningRate = 1e-3;
  double momentum = 0.9;
  bool nesterov = false;
  double weightDecay = 0;
};
struct AdamOptions {
  Operand learningRate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weightDecay = 0;
};

/// torch.optim.SGD. Errors here and below: KILN-G0243 for options out of range.
Optimizer sgd(GraphBuilder& g, SgdOptions options = {}, std::source_location where = std::source_location::current());
/// torch.optim.SGD with momentum.
Optimizer momentum(GraphBuilder& g, MomentumOptions options = {},
                   std::source_location where = std::source_location::current());
/// torch.optim.Adam.
Optimizer adam(GraphBuilder& g, AdamOptions options = {}, std::source_location where = std::source_location::current());

}  // namespace kiln::optim
