// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/average.h"

#include "graph/optim/option_check.h"

namespace kiln::optim {

MovingAverage::MovingAverage(GraphBuilder& g, const std::vector<Value>& variables, AverageOptions options,
                             std::source_location where)
    : g_(&g), options_(options) {
  OptionCheck(g, "MovingAverage", where).fraction("decay", options.decay);
  auto scope = g.scope("average", where);
  step_ = makeSlot(g, "step", i64, Shape(), where);
  for (const Value& variable : variables) {
    if (variable.isPoisoned()) {
      continue;
    }
    auto ofVariable = g.scopeOf(variable);
    variables_.push_back(variable);
    averages_.push_back(makeSlot(g, "average", variable, where));
  }
}

Target MovingAverage::update(std::source_location where) {
  const auto at = [&](Value v) { return Operand(v, where); };
  auto scope = g_->scope("average", where);
  const Value step = at(step_) + Operand(1, where), decay = g_->scalar(options_.decay, f64, where);
  // The weight of the new value: 1 at first, since there is no old one. With the bias corrected, (1 - decay) / (1 -
  // decay^step) keeps the average itself corrected at every step.
  const Value one = g_->scalar(1, f64, where), rest = at(one) - at(decay);
  const Value weight = options_.correctBias
                           ? at(rest) / at(at(one) - at(pow(at(decay), at(cast(at(step), f64)))))
                           : select(at(equal(at(step), at(g_->scalar(1, i64, where)))), at(one), at(rest));
  std::vector<Target> targets = {g_->assign(step_, at(step), "", where)};
  for (size_t i = 0; i < variables_.size(); ++i) {
    const Value old = averages_[i], change = at(variables_[i]) - at(old);
    const Value next = at(old) + at(at(change) * at(cast(at(weight), old.dtype())));
    targets.push_back(g_->assign(old, at(next), "", where));
  }
  return g_->group("update", targets, where);
}

Target MovingAverage::swap(std::source_location where) {
  auto scope = g_->scope("average", where);
  std::vector<Target> targets;
  for (size_t i = 0; i < variables_.size(); ++i) {
    targets.push_back(g_->assign(variables_[i], Operand(averages_[i], where), "", where));
    targets.push_back(g_->assign(averages_[i], Operand(variables_[i], where), "", where));
  }
  return g_->group("swap", targets, where);
}

Value MovingAverage::of(Value variable) const {
  for (size_t i = 0; i < variables_.size(); ++i) {
    if (variables_[i].ref().node == variable.ref().node) {
      return averages_[i];
    }
  }
  return {};
}

}  // namespace kiln::optim
