// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Gradient descent, with and without memory of earlier gradients.
#include "graph/optim/methods.h"
#include "graph/optim/option_check.h"

namespace kiln::optim {

Optimizer sgd(GraphBuilder& g, SgdOptions options, std::source_location where) {
  OptionCheck(g, "sgd", where).learningRate(options.learningRate).atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "sgd", options.learningRate, false,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     return assignStep(c, "sgd", {variable, gradient, c.learningRate},
                                       {{"weight_decay", options.weightDecay}}, variable, {});
                   });
}

Optimizer momentum(GraphBuilder& g, MomentumOptions options, std::source_location where) {
  OptionCheck(g, "momentum", where)
      .learningRate(options.learningRate)
      .atLeastZero("momentum", options.momentum)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(
      g, "momentum", options.learningRate, false,
      [options](const Optimizer::Context& c, Value variable, Value gradient) {
        const Value velocity = makeSlot(c.g, "velocity", variable, c.where);
        return assignStep(
            c, "momentum", {variable, gradient, velocity, c.learningRate},
            {{"momentum", options.momentum}, {"nesterov", options.nesterov}, {"weight_decay", options.weightDecay}},
            variable, {velocity});
      });
}

Optimizer lion(GraphBuilder& g, LionOptions options, std::source_location where) {
  OptionCheck(g, "lion", where)
      .learningRate(options.learningRate)
      .fraction("beta1", options.beta1)
      .fraction("beta2", options.beta2)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(
      g, "lion", options.learningRate, false, [options](const Optimizer::Context& c, Value variable, Value gradient) {
        const Value momentum = makeSlot(c.g, "momentum", variable, c.where);
        return assignStep(c, "lion", {variable, gradient, momentum, c.learningRate},
                          {{"beta1", options.beta1}, {"beta2", options.beta2}, {"weight_decay", options.weightDecay}},
                          variable, {momentum});
      });
}

}  // namespace kiln::optim
