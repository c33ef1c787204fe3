// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Averages of variables over training.
#pragma once

#include <vector>

#include "graph/build/operations.h"

namespace kiln::optim {

struct AverageOptions {
  double decay = 0.999;  ///< The weight of the old average; in [0, 1).
  /// false: the average starts at the first value, which keeps the weight decay^n for long. true: all values count as
  /// if they had been there from the start, `sum(decay^(n - i) value_i) / sum(decay^(n - i))`.
  bool correctBias = false;
};

/// Exponential moving averages of variables, kept in variables of their own: `hidden/w/average`, and the count of
/// updates `average/step`. Valid as long as the builder.
///
///     MovingAverage average(g, g.trainableVariables());
///     g.entry("train_step", {.feeds = {x, y}, .targets = {step}});
///     g.entry("update_average", {.targets = {average.update()}});     // after each step
///     g.entry("swap_average", {.targets = {average.swap()}});         // before and after evaluation
class MovingAverage {
 public:
  /// Makes the averages, zero before the first update. Errors: KILN-G0243 for a decay out of range.
  MovingAverage(GraphBuilder& g, const std::vector<Value>& variables, AverageOptions options = {},
                std::source_location where = std::source_location::current());
  /// What takes the values of the variables into the averages. All of a run reads the values from before it: beside a
  /// training step this takes those from before the step, in a run of its own those after it.
  Target update(std::source_location where = std::source_location::current());
  /// What exchanges variables and averages, for entries that read the variables; a second time brings them back.
  Target swap(std::source_location where = std::source_location::current());
  /// The average of a variable, to build with; empty for one that has none.
  Value of(Value variable) const;

 private:
  GraphBuilder* g_;
  std::vector<Value> variables_, averages_;
  Value step_;
  AverageOptions options_;
};

}  // namespace kiln::optim
