// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Learning rates that change with the step, as expressions of the graph, computed in f64. Formulas are the
/// closed forms of torch.optim.lr_scheduler, with t the number of steps taken before. Each is given to a method as its
/// learning rate:
///
///     optim::adam(g, {.learningRate = optim::warmUp(optim::cosine(1e-3, 10000), 500)})
///
/// Schedules hold nothing of a graph, so one may be used in several. Wrong numbers are recorded as KILN-G0243 in the
/// graph that the schedule is used in.
#pragma once

#include <vector>

#include "graph/optim/optimizer.h"

namespace kiln::optim {

/// The same rate at every step.
Schedule constantRate(double rate);
/// StepLR: `rate * gamma^floor(t / every)`.
Schedule stepDecay(double rate, int64_t every, double gamma = 0.1);
/// MultiStepLR: `rate * gamma^n` with n of the milestones reached. They rise.
Schedule multiStepDecay(double rate, std::vector<int64_t> milestones, double gamma = 0.1);
/// ExponentialLR: `rate * gamma^t`.
Schedule exponentialDecay(double rate, double gamma);
/// PolynomialLR: `rate * (1 - min(t, steps) / steps)^power`, 0 from `steps` on.
Schedule polynomialDecay(double rate, int64_t steps, double power = 1);
/// CosineAnnealingLR: from `rate` at 0 down to `lowest` at `steps`, `lowest + (rate - lowest) * (1 + cos(pi t / steps))
/// / 2`, and after it up again.
Schedule cosine(double rate, int64_t steps, double lowest = 0);
/// CosineAnnealingWarmRestarts: cosine() again and again; the first cycle has `steps` steps, each further one `factor`
/// times as many.
Schedule cosineWithRestarts(double rate, int64_t steps, int64_t factor = 1, double lowest = 0);

/// OneCycleLR without its momentum.
struct OneCycle {
  double maxRate = 0.1;
  int64_t steps = 1;            ///< Of the whole cycle; the last rate stays after it.
  double risingPart = 0.3;      ///< The part of the steps in which the rate rises.
  bool isLinear = false;        ///< Straight lines in the place of cosines.
  double divisor = 25;          ///< The first rate is maxRate over this,
  double finalDivisor = 1e4;    ///< and the last one that over this.
  bool hasThreePhases = false;  ///< Falls to the first rate as fast as it rose, and then to the last one.
};
Schedule oneCycle(const OneCycle& options);

/// LinearLR before any schedule: its rate times a factor that rises linearly from `startFactor` at t = 0 to 1 at t =
/// `steps`. The schedule sees the same t.
Schedule warmUp(Schedule schedule, int64_t steps, double startFactor = 0);
/// LinearLR in either direction: `rate * (startFactor + (endFactor - startFactor) * min(t, steps) / steps)`.
Schedule linear(double rate, int64_t steps, double startFactor = 1.0 / 3, double endFactor = 1);
/// SequentialLR: `first` for `steps` steps, then `second`, which counts from 0 again.
Schedule inSequence(Schedule first, int64_t steps, Schedule second);

}  // namespace kiln::optim
