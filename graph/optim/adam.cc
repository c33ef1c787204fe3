// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Adam and what is made from it.
#include "graph/optim/methods.h"
#include "graph/optim/option_check.h"

namespace kiln::optim {
namespace {

// Of all options here.
template <class Options>
void check(GraphBuilder& g, const char* name, const Options& options, std::source_location where) {
  OptionCheck(g, name, where)
      .learningRate(options.learningRate)
      .fraction("beta1", options.beta1)
      .fraction("beta2", options.beta2)
      .atLeastZero("epsilon", options.epsilon)
      .atLeastZero("weightDecay", options.weightDecay);
}

template <class Options>
Attributes attributesOf(const Options& options) {
  return {{"beta1", options.beta1},
          {"beta2", options.beta2},
          {"epsilon", options.epsilon},
          {"weight_decay", options.weightDecay}};
}

// A method whose op takes the slots, which start at 0, the step and the learning rate.
template <class Options>
Optimizer methodWith(GraphBuilder& g, const char* name, const Options& options,
                     const std::vector<std::string>& slotNames, std::source_location where) {
  check(g, name, options, where);
  return Optimizer(g, name, options.learningRate, true,
                   [name, options, slotNames](const Optimizer::Context& c, Value variable, Value gradient) {
                     std::vector<Value> operands = {variable, gradient}, slots;
                     for (const std::string& slot : slotNames) {
                       slots.push_back(makeSlot(c.g, slot, variable, c.where));
                       operands.push_back(slots.back());
                     }
                     operands.push_back(c.step);
                     operands.push_back(c.learningRate);
                     return assignStep(c, name, operands, attributesOf(options), variable, slots);
                   });
}

}  // namespace

Optimizer adam(GraphBuilder& g, AdamOptions options, std::source_location where) {
  return methodWith(g, "adam", options, {"first_moment", "second_moment"}, where);
}

Optimizer adamw(GraphBuilder& g, AdamwOptions options, std::source_location where) {
  return methodWith(g, "adamw", options, {"first_moment", "second_moment"}, where);
}

Optimizer amsgrad(GraphBuilder& g, AdamOptions options, std::source_location where) {
  return methodWith(g, "amsgrad", options, {"first_moment", "second_moment", "max_second_moment"}, where);
}

Optimizer adamax(GraphBuilder& g, AdamaxOptions options, std::source_location where) {
  return methodWith(g, "adamax", options, {"first_moment", "infinity_norm"}, where);
}

Optimizer lamb(GraphBuilder& g, LambOptions options, std::source_location where) {
  return methodWith(g, "lamb", options, {"first_moment", "second_moment"}, where);
}

Optimizer nadam(GraphBuilder& g, NadamOptions options, std::source_location where) {
  check(g, "nadam", options, where);
  OptionCheck(g, "nadam", where).atLeastZero("momentumDecay", options.momentumDecay);
  const auto rule = [options](const Optimizer::Context& c, Value variable, Value gradient) {
    const Value first = makeSlot(c.g, "first_moment", variable, c.where);
    const Value second = makeSlot(c.g, "second_moment", variable, c.where);
    Attributes attributes = attributesOf(options);
    attributes.set("momentum_decay", options.momentumDecay);
    return assignStep(c, "nadam", {variable, gradient, first, second, c.shared, c.step, c.learningRate},
                      std::move(attributes), variable, {first, second});
  };
  // The product of the momenta of all steps up to this one.
  const auto product = [options](const Optimizer::Context& c) {
    const auto at = [&](Value v) { return Operand(v, c.where); };
    const Value kept = makeSlot(c.g, "momentum_product", f64, Shape(), c.where, 1);
    const Value exponent = at(cast(at(c.step), f64)) * Operand(options.momentumDecay, c.where);
    const Value shrunk = pow(at(c.g.scalar(0.96, f64, c.where)), at(exponent));
    const Value momentum =
        Operand(options.beta1, c.where) * at(Operand(1, c.where) - at(Operand(0.5, c.where) * at(shrunk)));
    const Value next = at(kept) * at(momentum);
    return std::pair(next, std::vector<Target>{c.g.assign(kept, at(next), "", c.where)});
  };
  return Optimizer(g, "nadam", options.learningRate, true, rule, product);
}

}  // namespace kiln::optim
