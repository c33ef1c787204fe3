// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/schedule.h"

#include <numbers>

#include "graph/optim/option_check.h"

namespace kiln::optim {
namespace {

// The arithmetic of one schedule on f64 scalars.
class Time {
 public:
  Time(Value stepsBefore, const char* name)
      : g(*stepsBefore.builder()), steps(stepsBefore), check(g, name, std::source_location::current()) {}
  Value number(double value) { return g.scalar(value, f64); }
  /// t as f64.
  Value t() { return cast(steps, f64); }
  /// min(t, end) / end
  Value progress(int64_t end) {
    return minimum(t(), number(static_cast<double>(end))) / number(static_cast<double>(end));
  }
  Value vector(const std::vector<int64_t>& values) {
    return g.constant(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
  }
  /// How many of the values t has reached.
  Value countReached(const std::vector<int64_t>& values) {
    return reduceSum(cast(greaterEqual(steps, vector(values)), i64));
  }
  void requireSteps(const char* name, int64_t value) {
    check.require(value > 0, name, static_cast<double>(value), "a number of steps above 0");
  }

  GraphBuilder& g;
  Value steps;
  OptionCheck check;
};

// From high at part 0 to low at part 1 along half a cosine.
Value alongCosine(Value high, Value low, Value part) {
  return low + (high - low) * (1 + cos(part * std::numbers::pi)) / 2;
}

// Where the cycles of cosineWithRestarts begin, the first at 0, and how long they are; up to the last that i64 can
// tell.
struct Cycles {
  Cycles(int64_t steps, int64_t factor) {
    constexpr int64_t kEnd = int64_t{1} << 62;
    int64_t start = 0;
    for (int64_t length = steps;; length *= factor) {
      starts.push_back(start);
      lengths.push_back(length);
      if (length > kEnd / factor || start > kEnd - length) {
        return;
      }
      start += length;
    }
  }
  std::vector<int64_t> starts, lengths;
};

}  // namespace

Schedule constantRate(double rate) {
  return [=](Value steps) {
    Time at(steps, "constantRate");
    at.check.atLeastZero("rate", rate);
    return at.number(rate);
  };
}

Schedule stepDecay(double rate, int64_t every, double gamma) {
  return [=](Value steps) {
    Time at(steps, "stepDecay");
    at.check.atLeastZero("rate", rate);
    at.requireSteps("every", every);
    return rate * pow(at.number(gamma), cast(at.steps / (every > 0 ? every : 1), f64));
  };
}

Schedule multiStepDecay(double rate, std::vector<int64_t> milestones, double gamma) {
  return [=](Value steps) {
    Time at(steps, "multiStepDecay");
    at.check.atLeastZero("rate", rate);
    for (size_t i = 1; i < milestones.size(); ++i) {
      at.check.require(milestones[i] > milestones[i - 1], "milestones", static_cast<double>(milestones[i]),
                       "more than the one before it");
    }
    return rate * pow(at.number(gamma), cast(at.countReached(milestones), f64));
  };
}

Schedule exponentialDecay(double rate, double gamma) {
  return [=](Value steps) {
    Time at(steps, "exponentialDecay");
    at.check.atLeastZero("rate", rate);
    return rate * pow(at.number(gamma), at.t());
  };
}

Schedule polynomialDecay(double rate, int64_t end, double power) {
  return [=](Value steps) {
    Time at(steps, "polynomialDecay");
    at.check.atLeastZero("rate", rate).aboveZero("power", power);
    at.requireSteps("steps", end);
    return rate * pow(1 - at.progress(end), at.number(power));
  };
}

Schedule cosine(double rate, int64_t end, double lowest) {
  return [=](Value steps) {
    Time at(steps, "cosine");
    at.check.atLeastZero("rate", rate).atLeastZero("lowest", lowest);
    at.requireSteps("steps", end);
    return alongCosine(at.number(rate), at.number(lowest), at.t() / static_cast<double>(end > 0 ? end : 1));
  };
}

Schedule cosineWithRestarts(double rate, int64_t first, int64_t factor, double lowest) {
  return [=](Value steps) {
    Time at(steps, "cosineWithRestarts");
    at.check.atLeastZero("rate", rate).atLeastZero("lowest", lowest);
    at.requireSteps("steps", first);
    at.check.require(factor >= 1, "factor", static_cast<double>(factor), "1 or more");
    const int64_t length = first > 0 ? first : 1;
    if (factor <= 1) {
      const Value inCycle = at.steps - at.steps / length * length;
      return alongCosine(at.number(rate), at.number(lowest), cast(inCycle, f64) / static_cast<double>(length));
    }
    const Cycles cycles(length, factor);
    const Value cycle = at.countReached(cycles.starts) - 1;
    const Value inCycle = at.steps - gather(at.vector(cycles.starts), cycle);
    return alongCosine(at.number(rate), at.number(lowest),
                       cast(inCycle, f64) / cast(gather(at.vector(cycles.lengths), cycle), f64));
  };
}

Schedule oneCycle(const OneCycle& options) {
  return [=](Value steps) {
    Time at(steps, "oneCycle");
    at.check.atLeastZero("maxRate", options.maxRate)
        .aboveZero("divisor", options.divisor)
        .aboveZero("finalDivisor", options.finalDivisor)
        .require(options.risingPart >= 0 && options.risingPart <= 1, "risingPart", options.risingPart,
                 "a number in [0, 1]");
    at.requireSteps("steps", options.steps);
    const double first = options.maxRate / options.divisor, last = first / options.finalDivisor;
    const double total = static_cast<double>(options.steps), rising = options.risingPart * total;
    struct Phase {
      double end, from, to;
    };
    std::vector<Phase> phases = {{rising - 1, first, options.maxRate}};
    if (options.hasThreePhases) {
      phases.push_back({2 * rising - 2, options.maxRate, first});
      phases.push_back({total - 1, first, last});
    } else {
      phases.push_back({total - 1, options.maxRate, last});
    }
    const Value t = minimum(at.t(), at.number(total - 1));
    Value rate = at.number(last);
    for (size_t i = phases.size(); i-- > 0;) {
      const Phase& phase = phases[i];
      const double start = i == 0 ? 0 : phases[i - 1].end, length = phase.end - start;
      // A phase without length is one point: its end.
      const Value part = length == 0 ? at.number(1) : (t - start) / length;
      const Value along = options.isLinear ? at.number(phase.from) + (phase.to - phase.from) * part
                                           : alongCosine(at.number(phase.from), at.number(phase.to), part);
      rate = select(lessEqual(t, at.number(phase.end)), along, rate);
    }
    return rate;
  };
}

Schedule linear(double rate, int64_t end, double startFactor, double endFactor) {
  return [=](Value steps) {
    Time at(steps, "linear");
    at.check.atLeastZero("rate", rate).atLeastZero("startFactor", startFactor).atLeastZero("endFactor", endFactor);
    at.requireSteps("steps", end);
    return rate * (startFactor + (endFactor - startFactor) * at.progress(end));
  };
}

Schedule warmUp(Schedule schedule, int64_t steps, double startFactor) {
  return [=](Value stepsBefore) { return schedule(stepsBefore) * linear(1, steps, startFactor, 1)(stepsBefore); };
}

Schedule inSequence(Schedule first, int64_t end, Schedule second) {
  return [=](Value steps) {
    // What is not chosen is computed too, so it gets steps that it knows.
    const Value rest = maximum(steps - end, steps.builder()->scalar(0, i64));
    return select(less(steps, steps.builder()->scalar(static_cast<double>(end), i64)), first(steps), second(rest));
  };
}

}  // namespace kiln::optim
