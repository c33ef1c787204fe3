// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Optimizers: from a loss to a target that updates variables. The methods are in methods.h.
#pragma once

#include <concepts>
#include <functional>
#include <map>
#include <source_location>
#include <string>
#include <vector>

#include "graph/build/operations.h"

namespace kiln::optim {

/// A number as a function of training time: of the number of steps taken before this one, an i64 scalar of the graph (0
/// in the first step). The result is a float scalar, f64 for those of schedule.h.
using Schedule = std::function<Value(Value stepsBefore)>;

/// The learning rate of a method: a number, a float scalar of the graph (a placeholder, say), or a schedule, which sees
/// the optimizer's own count of steps.
class LearningRate {
 public:
  template <class T>
    requires std::is_arithmetic_v<T>
  LearningRate(T rate) : fixed_(rate) {}        // NOLINT: options are written as numbers
  LearningRate(Value rate) : fixed_(rate) {}    // NOLINT
  LearningRate(Operand rate) : fixed_(rate) {}  // NOLINT
  template <class F>
    requires std::is_invocable_r_v<Value, F, Value>
  LearningRate(F schedule) : schedule_(std::move(schedule)) {}  // NOLINT

  bool isSchedule() const { return schedule_ != nullptr; }
  /// The rate when it is a plain number.
  std::optional<double> number() const { return isSchedule() ? std::nullopt : fixed_.number; }
  /// The rate as a scalar of `dtype`.
  Value at(GraphBuilder& g, Value stepsBefore, DType dtype, std::source_location where) const;

 private:
  Operand fixed_ = 0;
  Schedule schedule_;
};

/// Builds update steps. Slots (moments, velocities) are variables named after their variable,
/// `hidden/w/adam/first_moment`; they are not trainable. Valid as long as the builder.
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
    Value shared;        ///< What the method's Shared made, when it has one.
    std::source_location where;
  };
  /// Adds the new values of one variable and its slots.
  using Rule = std::function<std::vector<Target>(const Context&, Value variable, Value gradient)>;
  /// Adds what all variables of a step share: the value, and the targets that keep it from step to step. The context
  /// has no learning rate.
  using Shared = std::function<std::pair<Value, std::vector<Target>>(const Context&)>;

  /// A method of one's own: `countsSteps` adds the variable `name/step`, as a schedule does.
  Optimizer(GraphBuilder& g, std::string name, LearningRate learningRate, bool countsSteps, Rule rule,
            Shared shared = nullptr);

  /// The method's name, `adam`.
  const std::string& name() const { return name_; }

 private:
  GraphBuilder* g_;
  std::string name_;
  LearningRate learningRate_;
  bool countsSteps_;
  Rule rule_;
  Shared shared_;
};

/// A slot: a variable in the current scope that is not trainable, `initial` everywhere at first, of the type of
/// `variable`.
Value makeSlot(GraphBuilder& g, std::string_view name, Value variable, std::source_location where, double initial = 0);
/// A slot of a type of its own.
Value makeSlot(GraphBuilder& g, std::string_view name, DType dtype, const Shape& shape, std::source_location where,
               double initial = 0);

/// Adds the node of an optimizer op, whose results are the new values of `variable` and of the slots, in this order,
/// and assigns them. What one line of a Rule does.
std::vector<Target> assignStep(const Optimizer::Context& context, std::string_view op,
                               const std::vector<Value>& operands, Attributes attributes, Value variable,
                               const std::vector<Value>& slots);

}  // namespace kiln::optim
