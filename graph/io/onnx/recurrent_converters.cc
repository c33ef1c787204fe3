// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RNN, GRU and LSTM.
#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "graph/io/onnx/node_import.h"
#include "graph/nn/recurrent.h"

namespace kiln::onnx {
namespace {

using Direction = nn::RecurrentOptions::Direction;

// An activation function by the name that nodes use, and which of alpha and beta it takes.
struct NamedActivation {
  std::string_view name;  ///< In lower case: writers disagree about it.
  std::optional<double> alpha, beta;
  bool takesAlpha = false, takesBeta = false;
  nn::Activation (*make)(double alpha, double beta);
};

const std::array<NamedActivation, 11> kActivations = {{
    {"relu", {}, {}, false, false, [](double, double) -> nn::Activation { return [](Operand x) { return relu(x); }; }},
    {"tanh", {}, {}, false, false, [](double, double) -> nn::Activation { return [](Operand x) { return tanh(x); }; }},
    {"sigmoid",
     {},
     {},
     false,
     false,
     [](double, double) -> nn::Activation { return [](Operand x) { return sigmoid(x); }; }},
    {"affine", 1, 0, true, true,
     [](double a, double b) -> nn::Activation { return [=](Operand x) { return x * a + b; }; }},
    {"leakyrelu",
     0.01,
     {},
     true,
     false,
     [](double a, double) -> nn::Activation { return [=](Operand x) { return leakyRelu(x, a); }; }},
    {"thresholdedrelu",
     1,
     {},
     true,
     false,
     [](double a, double) -> nn::Activation { return [=](Operand x) { return select(greaterEqual(x, a), x, 0); }; }},
    {"scaledtanh",
     {},
     {},
     true,
     true,
     [](double a, double b) -> nn::Activation { return [=](Operand x) { return tanh(x * b) * a; }; }},
    {"hardsigmoid", 0.2, 0.5, true, true,
     [](double a, double b) -> nn::Activation { return [=](Operand x) { return clamp(x * a + b, 0, 1); }; }},
    {"elu",
     1,
     {},
     true,
     false,
     [](double a, double) -> nn::Activation { return [=](Operand x) { return elu(x, a); }; }},
    {"softsign",
     {},
     {},
     false,
     false,
     [](double, double) -> nn::Activation { return [](Operand x) { return softsign(x); }; }},
    {"softplus",
     {},
     {},
     false,
     false,
     [](double, double) -> nn::Activation { return [](Operand x) { return softplus(x); }; }},
}};

const NamedActivation* findActivation(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto* found = std::ranges::find(kActivations, name, &NamedActivation::name);
  return found == kActivations.end() ? nullptr : found;
}

// Hands out alphas or betas. A list with one for each function is read by position; a shorter one has those of the
// functions that take one.
class Coefficients {
 public:
  Coefficients(std::vector<double> values, size_t numFunctions)
      : values_(std::move(values)), isByPosition_(values_.size() == numFunctions) {}
  std::optional<double> take(size_t function, bool takes, std::optional<double> otherwise) {
    if (!takes) {
      return 0;
    }
    const size_t at = isByPosition_ ? function : next_++;
    return at < values_.size() ? values_[at] : otherwise;
  }

 private:
  std::vector<double> values_;
  bool isByPosition_;
  size_t next_ = 0;
};

StatusOr<std::vector<nn::Activation>> activationsOf(NodeImport& n, size_t wanted, Direction direction) {
  const std::vector<std::string> names = n.texts("activations");
  std::vector<nn::Activation> result;
  if (names.empty()) {
    return result;
  }
  const size_t needed = wanted * (direction == Direction::kBoth ? 2 : 1);
  if (names.size() < needed) {
    return n.invalid(std::to_string(names.size()) + " activations, wanted " + std::to_string(needed));
  }
  Coefficients alphas(n.numbers("activation_alpha"), names.size()), betas(n.numbers("activation_beta"), names.size());
  for (size_t i = 0; i < needed; ++i) {
    const NamedActivation* activation = findActivation(names[i]);
    if (activation == nullptr) {
      return n.unsupported("activation '" + names[i] + "'");
    }
    const auto alpha = alphas.take(i, activation->takesAlpha, activation->alpha);
    const auto beta = betas.take(i, activation->takesBeta, activation->beta);
    if (!alpha || !beta) {
      return n.invalid("activation '" + names[i] + "' needs activation_alpha and activation_beta");
    }
    result.push_back(activation->make(*alpha, *beta));
  }
  return result;
}

Value batchFirst(const Value& x) { return x.rank() == 3 ? transpose(x, {1, 0, 2}) : x; }

// Inputs that all three have at the same place; `numActivations` of one direction.
StatusOr<nn::RecurrentOptions> optionsOf(NodeImport& n, size_t numActivations) {
  nn::RecurrentOptions options;
  const std::string direction = n.text("direction", "forward");
  if (direction == "reverse") {
    options.direction = Direction::kReverse;
  } else if (direction == "bidirectional") {
    options.direction = Direction::kBoth;
  } else if (direction != "forward") {
    return n.invalid("direction '" + direction + "'");
  }
  KILN_ASSIGN_OR_RETURN(options.activations, activationsOf(n, numActivations, options.direction));
  options.clip = n.number("clip", 0);
  if (n.has(4)) {
    options.lengths = n.in(4);
  }
  if (n.has(5)) {
    options.initialHidden = n.in(5);
  }
  return options;
}

bool isBatchFirst(NodeImport& n) { return n.integer("layout", 0) == 1; }

nn::RecurrentWeights weightsOf(NodeImport& n) { return {n.in(1), n.in(2), n.has(3) ? n.in(3) : Value()}; }

using Layer = nn::RecurrentResult (*)(GraphBuilder&, Value, const nn::RecurrentWeights&, const nn::RecurrentOptions&,
                                      std::source_location);

Status build(NodeImport& n, nn::RecurrentOptions options, Layer layer) {
  Value x = n.in(0);
  const bool isBatched = isBatchFirst(n);
  if (isBatched) {
    x = batchFirst(x);
    for (Value* state : {&options.initialHidden, &options.initialCell}) {
      *state = state->builder() == nullptr ? *state : batchFirst(*state);
    }
  }
  const nn::RecurrentResult result = layer(n.g, x, weightsOf(n), options, std::source_location::current());
  if (result.sequence.isPoisoned()) {
    return {};
  }
  n.set(0, isBatched ? transpose(result.sequence, {2, 0, 1, 3}) : result.sequence);
  n.set(1, isBatched ? batchFirst(result.hidden) : result.hidden);
  if (result.cell.builder() != nullptr) {
    n.set(2, isBatched ? batchFirst(result.cell) : result.cell);
  }
  return {};
}

Status convertRnn(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(nn::RecurrentOptions options, optionsOf(n, 1));
  return build(n, std::move(options), nn::rnn);
}

Status convertGru(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(nn::RecurrentOptions options, optionsOf(n, 2));
  options.resetsAfter = n.integer("linear_before_reset", 0) != 0;
  return build(n, std::move(options), nn::gru);
}

Status convertLstm(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(nn::RecurrentOptions options, optionsOf(n, 3));
  if (n.has(6)) {
    options.initialCell = n.in(6);
  }
  if (n.has(7)) {
    options.peepholes = n.in(7);
  }
  options.couplesGates = n.integer("input_forget", 0) != 0;
  return build(n, std::move(options), nn::lstm);
}

constexpr std::array kConverters = {
    Converter{"RNN", convertRnn},
    Converter{"GRU", convertGru},
    Converter{"LSTM", convertLstm},
};

}  // namespace

std::span<const Converter> recurrentConverters() { return kConverters; }

}  // namespace kiln::onnx
