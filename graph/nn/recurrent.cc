// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/recurrent.h"

#include <functional>
#include <string>

#include "graph/build/control_flow.h"
#include "graph/nn/layer_support.h"

namespace kiln::nn {
namespace {

// What tells the kinds of layers apart.
struct Kind {
  std::string name;
  int64_t numGates;
  int64_t numStates;
  std::vector<Activation> activations;
};

// The parts of one direction, of its own.
struct DirectionParts {
  Value input, hidden, inputBias, hiddenBias, peepholes;
  Values states;
  std::vector<Activation> activations;
  Dim units;
  double clip;
  Place at;

  // Of a sum of what the inputs and the states give, which is clipped.
  Value activate(size_t i, const Value& sum) const {
    return activations[i](clip > 0 ? at(clamp(at(sum), at(-clip), at(clip))) : at(sum));
  }
  // Gates `first` to `last` of the columns of x.
  Value gates(const Value& x, int64_t first, int64_t last) const {
    return sliceAlong(at(x), x.isPoisoned() ? 0 : x.rank() - 1, units * Dim(first), units * Dim(last));
  }
  Value peephole(int64_t i) const { return gates(peepholes, i, i + 1); }
};

// The next states, the hidden one first, from the states and what the inputs add to the gates.
using Cell = std::function<Values(const DirectionParts& parts, const Values& states, const Value& fromInput)>;

Values rnnCell(const DirectionParts& p, const Values& states, const Value& fromInput) {
  const Value sum = p.at(fromInput) + p.at(matmul(p.at(states[0]), p.at(p.hidden), false, true));
  return {p.activate(0, sum)};
}

Values lstmCell(const DirectionParts& p, const Values& states, const Value& fromInput, bool couplesGates) {
  const Place at = p.at;
  const Value& c = states[1];
  const Value sum = at(fromInput) + at(matmul(at(states[0]), at(p.hidden), false, true));
  auto gate = [&](int64_t i, const Value& cell) {
    const Value own = p.gates(sum, i, i + 1);
    // Of the peepholes of input, output and forget gate.
    return p.activate(0, isGiven(p.peepholes) ? at(own) + at(at(p.peephole(i)) * at(cell)) : own);
  };
  const Value input = gate(0, c);
  const Value forget = couplesGates ? at(1) - at(input) : gate(2, c);
  const Value next = at(at(forget) * at(c)) + at(at(input) * at(p.activate(1, p.gates(sum, 3, 4))));
  const Value output = gate(1, next);
  return {at(output) * at(p.activations[2](at(next))), next};
}

Values gruCell(const DirectionParts& p, const Values& states, const Value& fromInput, bool resetsAfter) {
  const Place at = p.at;
  const Value& h = states[0];
  auto product = [&](const Value& state, int64_t first, int64_t last) {
    const Value weights = sliceAlong(at(p.hidden), 0, p.units * Dim(first), p.units * Dim(last));
    return matmul(at(state), at(weights), false, true);
  };
  Value both, hidden;
  if (resetsAfter) {
    const Value all = matmul(at(h), at(p.hidden), false, true);
    both = p.gates(all, 0, 2);
    hidden = p.gates(all, 2, 3);
    hidden = isGiven(p.hiddenBias) ? at(hidden) + at(p.gates(p.hiddenBias, 2, 3)) : hidden;
  } else {
    both = product(h, 0, 2);
  }
  const Value gates = p.activate(0, at(p.gates(fromInput, 0, 2)) + at(both));
  const Value update = p.gates(gates, 0, 1), reset = p.gates(gates, 1, 2);
  const Value added = resetsAfter ? at(reset) * at(hidden) : product(at(reset) * at(h), 2, 3);
  const Value next = p.activate(1, at(p.gates(fromInput, 2, 3)) + at(added));
  return {at(at(at(1) - at(update)) * at(next)) + at(at(update) * at(h))};
}

std::string shapeFault(const Kind& kind, const Value& x, const RecurrentWeights& weights,
                       const RecurrentOptions& options) {
  const Shape &in = x.shape(), &r = weights.hidden.shape();
  const Dim directions = options.direction == RecurrentOptions::Direction::kBoth ? 2 : 1;
  const Dim& units = r[2];
  const Dim columns = units * Dim(kind.numGates);
  auto check = [](const char* name, const Value& value, const Shape& wanted) {
    return !isGiven(value) || value.shape() == wanted
               ? ""
               : std::string(name) + " is " + typeText(value) + ", wanted " + wanted.toString();
  };
  for (const std::string& fault : {check("input weights", weights.input, Shape{directions, columns, in[2]}),
                                   check("hidden weights", weights.hidden, Shape{directions, columns, units}),
                                   check("biases", weights.biases, Shape{directions, columns * Dim(2)}),
                                   check("initialHidden", options.initialHidden, Shape{directions, in[1], units}),
                                   check("initialCell", options.initialCell, Shape{directions, in[1], units}),
                                   check("peepholes", options.peepholes, Shape{directions, units * Dim(3)}),
                                   check("lengths", options.lengths, Shape{in[1]})}) {
    if (!fault.empty()) {
      return fault;
    }
  }
  const auto wanted = static_cast<int64_t>(kind.activations.size()) * directions.value();
  if (!options.activations.empty() && static_cast<int64_t>(options.activations.size()) != wanted) {
    return std::to_string(options.activations.size()) + " activations, wanted " + std::to_string(wanted);
  }
  if (!(options.clip >= 0)) {
    return "clip is " + std::to_string(options.clip) + ", wanted 0 or more";
  }
  return "";
}

// One direction: the inputs of all steps are multiplied at once, the states step by step.
struct Walk {
  Value sequence;  // [length, batch, units]
  Values states;
};
Walk walk(GraphBuilder& g, const Kind& kind, const Value& x, const DirectionParts& p, const Cell& cell,
          const Value& lengths, bool isReverse) {
  const Place at = p.at;
  const Shape in = x.shape();
  const Dim columns = p.units * Dim(kind.numGates);
  Value fromInput = matmul(at(reshape(at(x), Shape{in[0] * in[1], in[2]})), at(p.input), false, true);
  if (isGiven(p.inputBias)) {
    fromInput = at(fromInput) + at(p.inputBias);
  }
  fromInput = reshape(at(fromInput), Shape{in[0], in[1], columns});
  const ScanResult steps = scan(
      g, p.states, {fromInput},
      [&](Value step, const Values& states, const Values& row) {
        Values next = cell(p, states, row[0]);
        Value out = next[0];
        if (isGiven(lengths)) {
          const Value isInside = less(at(step), at(lengths));
          for (size_t i = 0; i < next.size(); ++i) {
            next[i] = select(at(isInside), at(next[i]), at(states[i]));
          }
          out = select(at(isInside), at(out), at(0));
        }
        return std::pair<Values, Values>(next, {out});
      },
      {.name = kind.name, .length = {}, .reverse = isReverse}, at.where);
  return {steps.stacked.empty() ? g.poisoned() : steps.stacked[0], steps.carries};
}

RecurrentResult layer(GraphBuilder& g, const Kind& kind, const Value& x, const RecurrentWeights& weights,
                      const RecurrentOptions& options, const Cell& cell, std::source_location where) {
  using Direction = RecurrentOptions::Direction;
  const Place at{where};
  auto failed = [&] { return RecurrentResult{g.poisoned(), g.poisoned(), g.poisoned()}; };
  if (!checkOperands(g, kind.name,
                     {{"x", x, 3},
                      {"input weights", weights.input, 3},
                      {"hidden weights", weights.hidden, 3},
                      {"biases", weights.biases, 2, true},
                      {"initialHidden", options.initialHidden, 3, true},
                      {"initialCell", options.initialCell, 3, true},
                      {"peepholes", options.peepholes, 2, true},
                      {"lengths", options.lengths, 1, true, false}},
                     where)) {
    return failed();
  }
  if (const std::string fault = shapeFault(kind, x, weights, options); !fault.empty()) {
    failLayer(g, kind.name, fault, where);
    return failed();
  }
  const DType type = sumType(x.dtype());
  const Dim units = weights.hidden.shape()[2], columns = units * Dim(kind.numGates);
  const Value inputs = cast(at(x), type);
  const Value lengths = isGiven(options.lengths) ? expandDims(at(cast(at(options.lengths), i64)), 1) : Value();
  auto rowAs = [&](const Value& value, int64_t i) {
    return isGiven(value) ? rowOf(at(cast(at(value), type)), i) : Value();
  };
  const int64_t directions = options.direction == Direction::kBoth ? 2 : 1;
  Values sequences;
  std::vector<Values> lastStates(static_cast<size_t>(kind.numStates));
  for (int64_t d = 0; d < directions; ++d) {
    DirectionParts p{.input = rowAs(weights.input, d),
                     .hidden = rowAs(weights.hidden, d),
                     .inputBias = {},
                     .hiddenBias = {},
                     .peepholes = rowAs(options.peepholes, d),
                     .states = {},
                     .activations = kind.activations,
                     .units = units,
                     .clip = options.clip,
                     .at = at};
    if (!options.activations.empty()) {
      const auto first = options.activations.begin() + d * static_cast<int64_t>(kind.activations.size());
      p.activations.assign(first, first + static_cast<int64_t>(kind.activations.size()));
    }
    if (isGiven(weights.biases)) {
      const Value biases = rowAs(weights.biases, d);
      p.inputBias = sliceAlong(at(biases), 0, 0, columns);
      p.hiddenBias = sliceAlong(at(biases), 0, columns, columns * Dim(2));
      if (options.resetsAfter) {
        const Value zeros = full(g, Shape{units}, 0, type, where);
        const Value ofGates = sliceAlong(at(p.hiddenBias), 0, 0, units * Dim(2));
        p.inputBias = at(p.inputBias) + at(concat({ofGates, zeros}, 0, where));
      } else {
        p.inputBias = at(p.inputBias) + at(p.hiddenBias);
      }
    }
    for (int64_t i = 0; i < kind.numStates; ++i) {
      const Value& initial = i == 0 ? options.initialHidden : options.initialCell;
      p.states.push_back(isGiven(initial) ? rowAs(initial, d) : full(g, Shape{x.shape()[1], units}, 0, type, where));
    }
    const bool isReverse = options.direction == Direction::kReverse || d == 1;
    const Walk walked = walk(g, kind, inputs, p, cell, lengths, isReverse);
    if (walked.sequence.isPoisoned() || walked.states.size() < lastStates.size()) {
      return failed();
    }
    sequences.push_back(walked.sequence);
    for (size_t i = 0; i < lastStates.size(); ++i) {
      lastStates[i].push_back(walked.states[i]);
    }
  }
  RecurrentResult result;
  result.sequence = cast(at(stack(sequences, 1, where)), x.dtype());
  result.hidden = cast(at(stack(lastStates[0], 0, where)), x.dtype());
  result.cell = kind.numStates > 1 ? cast(at(stack(lastStates[1], 0, where)), x.dtype()) : Value();
  return result;
}

const Activation kSigmoid = [](Operand x) { return sigmoid(x); };
const Activation kTanh = [](Operand x) { return tanh(x); };

}  // namespace

RecurrentResult rnn(GraphBuilder& g, Value x, const RecurrentWeights& weights, const RecurrentOptions& options,
                    std::source_location where) {
  return layer(g, {"rnn", 1, 1, {kTanh}}, x, weights, options, rnnCell, where);
}

RecurrentResult gru(GraphBuilder& g, Value x, const RecurrentWeights& weights, const RecurrentOptions& options,
                    std::source_location where) {
  const Cell cell = [&](const DirectionParts& p, const Values& states, const Value& fromInput) {
    return gruCell(p, states, fromInput, options.resetsAfter);
  };
  return layer(g, {"gru", 3, 1, {kSigmoid, kTanh}}, x, weights, options, cell, where);
}

RecurrentResult lstm(GraphBuilder& g, Value x, const RecurrentWeights& weights, const RecurrentOptions& options,
                     std::source_location where) {
  const Cell cell = [&](const DirectionParts& p, const Values& states, const Value& fromInput) {
    return lstmCell(p, states, fromInput, options.couplesGates);
  };
  return layer(g, {"lstm", 4, 2, {kSigmoid, kTanh, kTanh}}, x, weights, options, cell, where);
}

}  // namespace kiln::nn
