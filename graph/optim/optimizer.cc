// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/optimizer.h"

#include <algorithm>

namespace kiln::optim {
namespace {

bool isPoisoned(const std::vector<Value>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](const Value& v) { return v.builder() != nullptr && v.isPoisoned(); });
}

}  // namespace

Value LearningRate::at(GraphBuilder& g, Value stepsBefore, DType dtype, std::source_location where) const {
  if (isSchedule()) {
    return cast(Operand(schedule_(stepsBefore), where), dtype);
  }
  return fixed_.number ? g.scalar(*fixed_.number, dtype, where) : cast(Operand(fixed_.value, where), dtype);
}

Value makeSlot(GraphBuilder& g, std::string_view name, DType dtype, const Shape& shape, std::source_location where,
               double initial) {
  return g.variable(name, Operand(full(g, shape, initial, dtype, where), where), false, where);
}

Value makeSlot(GraphBuilder& g, std::string_view name, Value variable, std::source_location where, double initial) {
  return makeSlot(g, name, variable.dtype(), variable.shape(), where, initial);
}

std::vector<Target> assignStep(const Optimizer::Context& context, std::string_view op,
                               const std::vector<Value>& operands, Attributes attributes, Value variable,
                               const std::vector<Value>& slots) {
  const std::vector<Value> results = context.g.makeNode(op, operands, std::move(attributes), "", context.where);
  if (results.size() != slots.size() + 1) {
    return {Target(context.g.poisoned())};
  }
  std::vector<Target> targets = {context.g.assign(variable, Operand(results[0], context.where), "", context.where)};
  for (size_t i = 0; i < slots.size(); ++i) {
    targets.push_back(context.g.assign(slots[i], Operand(results[i + 1], context.where), "", context.where));
  }
  return targets;
}

Optimizer::Optimizer(GraphBuilder& g, std::string name, LearningRate learningRate, bool countsSteps, Rule rule,
                     Shared shared)
    : g_(&g),
      name_(std::move(name)),
      learningRate_(std::move(learningRate)),
      countsSteps_(countsSteps || learningRate_.isSchedule()),
      rule_(std::move(rule)),
      shared_(std::move(shared)) {}

Target Optimizer::minimize(Value loss, const std::vector<Value>& variables, std::source_location where) {
  const std::vector<Value> trained = variables.empty() ? g_->trainableVariables() : variables;
  if (trained.empty()) {
    g_->addError(makeError<ErrorId::kG0241>(), where);
    return Target(g_->poisoned());
  }
  return apply(g_->gradients({loss}, trained, {}, where), trained, where);
}

Target Optimizer::apply(const std::vector<Value>& gradients, const std::vector<Value>& variables,
                        std::source_location where) {
  if (gradients.size() != variables.size()) {
    g_->addError(makeError<ErrorId::kG0242>(gradients.size(), variables.size()), where);
    return Target(g_->poisoned());
  }
  if (isPoisoned(gradients) || isPoisoned(variables)) {
    return Target(g_->poisoned());
  }
  auto scope = g_->scope(name_, where);
  std::vector<Target> updates;
  Context context{*g_, name_, {}, {}, {}, where};
  Value stepsBefore;
  if (countsSteps_) {
    stepsBefore = g_->variable("step", Operand(g_->scalar(0, i64, where), where), false, where);
    context.step = Operand(stepsBefore, where) + Operand(1, where);
    updates.push_back(g_->assign(stepsBefore, Operand(context.step, where), "", where));
  }
  if (shared_ != nullptr) {
    const auto [value, kept] = shared_(context);
    context.shared = value;
    updates.insert(updates.end(), kept.begin(), kept.end());
  }
  std::map<DType, Value> rates;
  for (size_t i = 0; i < variables.size(); ++i) {
    auto [rate, isNew] = rates.try_emplace(variables[i].dtype());
    if (isNew) {
      rate->second = learningRate_.at(*g_, stepsBefore, variables[i].dtype(), where);
    }
    context.learningRate = rate->second;
    auto ofVariable = g_->scopeOf(variables[i]);
    auto ofMethod = g_->scope(name_, where);
    const std::vector<Target> added = rule_(context, variables[i], gradients[i]);
    updates.insert(updates.end(), added.begin(), added.end());
  }
  return g_->group("minimize", updates, where);
}

}  // namespace kiln::optim
