// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/optimizer.h"

#include <algorithm>

namespace kiln::optim {
namespace {

// Records KILN-G0243 for the first option that is out of range.
class OptionCheck {
 public:
  OptionCheck(GraphBuilder& g, std::string method, std::source_location where)
      : g_(g), method_(std::move(method)), where_(where) {}
  OptionCheck& atLeastZero(const char* name, double value) { return require(value >= 0, name, value, "0 or more"); }
  OptionCheck& fraction(const char* name, double value) {
    return require(value >= 0 && value < 1, name, value, "a number in [0, 1)");
  }
  OptionCheck& learningRate(const Operand& rate) {
    return rate.number ? atLeastZero("learningRate", *rate.number) : *this;
  }

 private:
  OptionCheck& require(bool isFine, const char* name, double value, const char* wanted) {
    if (!isFine) {
      g_.addError(makeError<ErrorId::kG0243>("'" + std::string(name) + "' of " + method_, value, wanted), where_);
    }
    return *this;
  }
  GraphBuilder& g_;
  std::string method_;
  std::source_location where_;
};

bool isPoisoned(const std::vector<Value>& values) {
  return std::any_of(values.begin(), values.end(),
                     [](const Value& v) { return v.builder() != nullptr && v.isPoisoned(); });
}

}  // namespace

Value makeSlot(GraphBuilder& g, std::string_view name, Value variable, std::source_location where) {
  return g.variable(name, Operand(full(g, variable.shape(), 0, variable.dtype(), where), where), false, where);
}

Optimizer::Optimizer(GraphBuilder& g, std::string name, Operand learningRate, bool countsSteps, Rule rule)
    : g_(&g), name_(std::move(name)), learningRate_(learningRate), countsSteps_(countsSteps), rule_(std::move(rule)) {}

Value Optimizer::learningRateFor(DType dtype, std::source_location where) {
  auto [found, isNew] = learningRates_.try_emplace(dtype);
  if (isNew) {
    found->second = learningRate_.number ? g_->scalar(*learningRate_.number, dtype, where)
                                         : cast(Operand(learningRate_.value, where), dtype);
  }
  return found->second;
}

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
  Value step;
  if (countsSteps_) {
    const Value counter = g_->variable("step", Operand(g_->scalar(0, i64, where), where), false, where);
    step = Operand(counter, where) + Operand(1, where);
    updates.push_back(g_->assign(counter, Operand(step, where), "", where));
  }
  for (size_t i = 0; i < variables.size(); ++i) {
    const Value rate = learningRateFor(variables[i].dtype(), where);
    auto ofVariable = g_->scopeOf(variables[i]);
    auto ofMethod = g_->scope(name_, where);
    const Context context{*g_, name_, rate, step, where};
    const std::vector<Target> added = rule_(context, variables[i], gradients[i]);
    updates.insert(updates.end(), added.begin(), added.end());
  }
  return g_->group("minimize", updates, where);
}

Optimizer sgd(GraphBuilder& g, SgdOptions options, std::source_location where) {
  OptionCheck(g, "sgd", where).learningRate(options.learningRate).atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "sgd", options.learningRate, false,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     const auto at = [&](Value v) { return Operand(v, c.where); };
                     const Value next = sgdUpdate(at(variable), at(gradient), at(c.learningRate), options.weightDecay);
                     return std::vector<Target>{c.g.assign(variable, at(next), "", c.where)};
                   });
}

Optimizer momentum(GraphBuilder& g, MomentumOptions options, std::source_location where) {
  OptionCheck(g, "momentum", where)
      .learningRate(options.learningRate)
      .atLeastZero("momentum", options.momentum)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "momentum", options.learningRate, false,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     const auto at = [&](Value v) { return Operand(v, c.where); };
                     const Value velocity = makeSlot(c.g, "velocity", variable, c.where);
                     const MomentumResult next =
                         momentumUpdate(at(variable), at(gradient), at(velocity), at(c.learningRate), options.momentum,
                                        options.nesterov, options.weightDecay);
                     return std::vector<Target>{c.g.assign(variable, at(next.parameter), "", c.where),
                                                c.g.assign(velocity, at(next.velocity), "", c.where)};
                   });
}

Optimizer adam(GraphBuilder& g, AdamOptions options, std::source_location where) {
  OptionCheck(g, "adam", where)
      .learningRate(options.learningRate)
      .fraction("beta1", options.beta1)
      .fraction("beta2", options.beta2)
      .atLeastZero("epsilon", options.epsilon)
      .atLeastZero("weightDecay", options.weightDecay);
  return Optimizer(g, "adam", options.learningRate, true,
                   [options](const Optimizer::Context& c, Value variable, Value gradient) {
                     const auto at = [&](Value v) { return Operand(v, c.where); };
                     const Value first = makeSlot(c.g, "first_moment", variable, c.where);
                     const Value second = makeSlot(c.g, "second_moment", variable, c.where);
                     const AdamResult next =
                         adamUpdate(at(variable), at(gradient), at(first), at(second), at(c.step), at(c.learningRate),
                                    options.beta1, options.beta2, options.epsilon, options.weightDecay);
                     return std::vector<Target>{c.g.assign(variable, at(next.parameter), "", c.where),
                                                c.g.assign(first, at(next.firstMoment), "", c.where),
                                                c.g.assign(second, at(next.secondMoment), "", c.where)};
                   });
}

}  // namespace kiln::optim
