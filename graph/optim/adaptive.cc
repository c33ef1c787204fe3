// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Methods that scale each element by the size of its past gradients, without momentum of their own.
#include "graph/optim/methods.h"
#include "graph/optim/option_check.h"

namespace kiln::optim {

Optimizer adagrad(GraphBuilder& g, AdagradOptions options, std::source_location where) {
  OptionCheck(g, "adagrad", where)
      .learningRate(options.learningRate)
      .atLeastZero("learningRateDecay", options.learningRateDecay)
      .atLeastZero("initialAccumulator", options.initialAccumulator)
      .atLeastZero("epsilon", options.epsilon)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "adagrad", options.learningRate, true,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     const Value sum = makeSlot(c.g, "square_sum", variable, c.where, options.initialAccumulator);
                     return assignStep(c, "adagrad", {variable, gradient, sum, c.step, c.learningRate},
                                       {{"learning_rate_decay", options.learningRateDecay},
                                        {"epsilon", options.epsilon},
                                        {"weight_decay", options.weightDecay}},
                                       variable, {sum});
                   });
}

Optimizer adadelta(GraphBuilder& g, AdadeltaOptions options, std::source_location where) {
  OptionCheck(g, "adadelta", where)
      .learningRate(options.learningRate)
      .require(options.rho >= 0 && options.rho <= 1, "rho", options.rho, "a number in [0, 1]")
      .atLeastZero("epsilon", options.epsilon)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "adadelta", options.learningRate, false,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     const Value squares = makeSlot(c.g, "square_average", variable, c.where);
                     const Value deltas = makeSlot(c.g, "delta_average", variable, c.where);
                     return assignStep(
                         c, "adadelta", {variable, gradient, squares, deltas, c.learningRate},
                         {{"rho", options.rho}, {"epsilon", options.epsilon}, {"weight_decay", options.weightDecay}},
                         variable, {squares, deltas});
                   });
}

Optimizer rmsprop(GraphBuilder& g, RmspropOptions options, std::source_location where) {
  OptionCheck(g, "rmsprop", where)
      .learningRate(options.learningRate)
      .atLeastZero("alpha", options.alpha)
      .atLeastZero("epsilon", options.epsilon)
      .atLeastZero("momentum", options.momentum)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "rmsprop", options.learningRate, false,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     std::vector<Value> slots = {makeSlot(c.g, "square_average", variable, c.where)};
                     if (options.centered) {
                       slots.push_back(makeSlot(c.g, "gradient_average", variable, c.where));
                     }
                     if (options.momentum > 0) {
                       slots.push_back(makeSlot(c.g, "velocity", variable, c.where));
                     }
                     std::vector<Value> operands = {variable, gradient, c.learningRate};
                     operands.insert(operands.end(), slots.begin(), slots.end());
                     return assignStep(c, "rmsprop", operands,
                                       {{"alpha", options.alpha},
                                        {"epsilon", options.epsilon},
                                        {"weight_decay", options.weightDecay},
                                        {"momentum", options.momentum},
                                        {"centered", options.centered}},
                                       variable, slots);
                   });
}

Optimizer adafactor(GraphBuilder& g, AdafactorOptions options, std::source_location where) {
  OptionCheck(g, "adafactor", where)
      .learningRate(options.learningRate)
      .require(options.beta2Decay <= 0, "beta2Decay", options.beta2Decay, "0 or less")
      .atLeastZero("epsilon1", options.epsilon1)
      .atLeastZero("epsilon2", options.epsilon2)
      .aboveZero("clipThreshold", options.clipThreshold)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "adafactor", options.learningRate, true,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     std::vector<Value> slots;
                     if (const int rank = variable.rank(); rank >= 2) {
                       std::vector<Dim> rows(variable.shape().begin(), variable.shape().end()), columns = rows;
                       rows[static_cast<size_t>(rank) - 1] = Dim(1);
                       columns[static_cast<size_t>(rank) - 2] = Dim(1);
                       slots.push_back(makeSlot(c.g, "row_variance", variable.dtype(), Shape(rows), c.where));
                       slots.push_back(makeSlot(c.g, "column_variance", variable.dtype(), Shape(columns), c.where));
                     } else {
                       slots.push_back(makeSlot(c.g, "variance", variable, c.where));
                     }
                     std::vector<Value> operands = {variable, gradient, c.step, c.learningRate};
                     operands.insert(operands.end(), slots.begin(), slots.end());
                     return assignStep(c, "adafactor", operands,
                                       {{"beta2_decay", options.beta2Decay},
                                        {"epsilon1", options.epsilon1},
                                        {"epsilon2", options.epsilon2},
                                        {"clip_threshold", options.clipThreshold},
                                        {"weight_decay", options.weightDecay}},
                                       variable, slots);
                   });
}

}  // namespace kiln::optim
