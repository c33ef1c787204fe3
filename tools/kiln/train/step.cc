// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Optimizers and schedules.
#include <algorithm>

#include "graph/ir/diagnostics.h"
#include "graph/optim/clip.h"
#include "graph/optim/methods.h"
#include "graph/optim/schedule.h"
#include "tools/kiln/train/objectives.h"

namespace kiln::train {
namespace {

StatusOr<optim::Schedule> scheduleOf(const ConfigFile& file, double rate, int64_t totalSteps) {
  const Schedule& config = file.config.optimizer().schedule();
  const auto stepsOf = [&](const auto& kind) { return kind.has_steps() ? kind.steps() : totalSteps; };
  optim::Schedule schedule;
  switch (config.kind_case()) {
    case Schedule::kConstant:
    case Schedule::KIND_NOT_SET:
      schedule = optim::constantRate(rate);
      break;
    case Schedule::kStep:
      if (!config.step().has_every()) {
        return meaningError(file, "optimizer.schedule.step", "schedule step", "every is missing");
      }
      schedule = optim::stepDecay(rate, config.step().every(), config.step().gamma());
      break;
    case Schedule::kMultiStep:
      schedule = optim::multiStepDecay(
          rate, {config.multi_step().milestones().begin(), config.multi_step().milestones().end()},
          config.multi_step().gamma());
      break;
    case Schedule::kExponential:
      if (!config.exponential().has_gamma()) {
        return meaningError(file, "optimizer.schedule.exponential", "schedule exponential", "gamma is missing");
      }
      schedule = optim::exponentialDecay(rate, config.exponential().gamma());
      break;
    case Schedule::kPolynomial:
      schedule = optim::polynomialDecay(rate, stepsOf(config.polynomial()), config.polynomial().power());
      break;
    case Schedule::kCosine:
      schedule = optim::cosine(rate, stepsOf(config.cosine()), config.cosine().lowest());
      break;
    case Schedule::kCosineWithRestarts: {
      const Restarts& restarts = config.cosine_with_restarts();
      schedule = optim::cosineWithRestarts(rate, stepsOf(restarts), restarts.factor(), restarts.lowest());
      break;
    }
    case Schedule::kOneCycle: {
      const Cycle& cycle = config.one_cycle();
      schedule = optim::oneCycle({.maxRate = rate,
                                  .steps = stepsOf(cycle),
                                  .risingPart = cycle.rising_part(),
                                  .isLinear = cycle.linear(),
                                  .divisor = cycle.divisor(),
                                  .finalDivisor = cycle.final_divisor()});
      break;
    }
    case Schedule::kLinear:
      schedule =
          optim::linear(rate, stepsOf(config.linear()), config.linear().start_factor(), config.linear().end_factor());
      break;
  }
  if (config.warm_up_steps() > 0) {
    schedule = optim::warmUp(std::move(schedule), config.warm_up_steps(), config.warm_up_start());
  }
  return schedule;
}

}  // namespace

StatusOr<Target> buildStep(GraphBuilder& g, const ConfigFile& file, Value loss, int64_t totalSteps) {
  const Optimizer& config = file.config.optimizer();
  const std::vector<std::string> known = optim::optimizerNames();
  if (std::ranges::find(known, config.type()) == known.end()) {
    return meaningError(file, "optimizer", "optimizer", "type " + unknownName(config.type(), known));
  }
  optim::CommonOptions options;
  if (config.has_learning_rate()) {
    options.learningRate = config.learning_rate();
  }
  if (config.has_schedule()) {
    if (!config.has_learning_rate()) {
      return meaningError(file, "optimizer.schedule", "optimizer", "a schedule needs a learning_rate to start from");
    }
    KILN_ASSIGN_OR_RETURN(optim::Schedule schedule, scheduleOf(file, config.learning_rate(), totalSteps));
    options.learningRate = optim::LearningRate(std::move(schedule));
  }
  if (config.has_momentum()) {
    options.momentum = config.momentum();
  }
  if (config.has_weight_decay()) {
    options.weightDecay = config.weight_decay();
  }
  StatusOr<optim::Optimizer> optimizer = optim::makeOptimizer(g, config.type(), options);
  if (!optimizer.ok()) {
    return diagnose(optimizer.status(), file.locate("optimizer"));
  }
  const std::vector<Value> variables = g.trainableVariables();
  if (variables.empty()) {
    return meaningError(file, "layer", "layer", "the net has no layer with weights, so there is nothing to train");
  }
  std::vector<Value> gradients = g.gradients({loss}, variables);
  if (config.has_clip_value()) {
    for (Value& gradient : gradients) {
      gradient = optim::clipByValue(gradient, -config.clip_value(), config.clip_value());
    }
  }
  if (config.has_clip_norm()) {
    gradients = optim::clipByGlobalNorm(gradients, config.clip_norm()).gradients;
  }
  return optimizer->apply(gradients, variables);
}

}  // namespace kiln::train
