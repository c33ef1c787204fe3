// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/optim/clip.h"

#include <algorithm>

#include "graph/optim/option_check.h"

namespace kiln::optim {
namespace {

// Sums of squares of 16-bit floats are taken in f32.
DType normType(const Value& x) { return x.dtype() == f64 ? f64 : f32; }

Value squaredNorm(Value x, std::source_location where) {
  const Value wide = cast(Operand(x, where), normType(x));
  return reduceSum(Operand(Operand(wide, where) * Operand(wide, where), where));
}

}  // namespace

Value clipByValue(Value x, double low, double high, std::source_location where) {
  if (x.isPoisoned()) {
    return x;
  }
  GraphBuilder& g = *x.builder();
  OptionCheck(g, "clipByValue", where).require(low <= high, "low", low, "a number that is at most high");
  const auto bound = [&](double value) { return Operand(g.scalar(value, x.dtype(), where), where); };
  return minimum(Operand(maximum(Operand(x, where), bound(low)), where), bound(high));
}

Value clipByNorm(Value x, double largest, std::source_location where) {
  if (x.isPoisoned()) {
    return x;
  }
  GraphBuilder& g = *x.builder();
  OptionCheck(g, "clipByNorm", where).atLeastZero("largest", largest);
  const DType wide = normType(x);
  const auto at = [&](Value v) { return Operand(v, where); };
  const Value bound = g.scalar(largest, wide, where), norm = sqrt(at(squaredNorm(x, where)));
  // The norm is replaced where it is small, and may be 0.
  const Value isLarge = greater(at(norm), at(bound)), one = g.scalar(1, wide, where);
  const Value factor = select(at(isLarge), at(at(bound) / at(select(at(isLarge), at(norm), at(one)))), at(one));
  return at(x) * at(cast(at(factor), x.dtype()));
}

ClippedGradients clipByGlobalNorm(const std::vector<Value>& gradients, double largest, std::source_location where) {
  const auto isBad = [](const Value& v) { return v.isPoisoned(); };
  if (gradients.empty() || std::any_of(gradients.begin(), gradients.end(), isBad)) {
    return {gradients, gradients.empty()        ? Value()
                       : gradients[0].builder() ? gradients[0].builder()->poisoned()
                                                : Value()};
  }
  GraphBuilder& g = *gradients[0].builder();
  OptionCheck(g, "clipByGlobalNorm", where).atLeastZero("largest", largest);
  const auto at = [&](Value v) { return Operand(v, where); };
  const bool isDouble =
      std::any_of(gradients.begin(), gradients.end(), [](const Value& v) { return v.dtype() == f64; });
  const DType wide = isDouble ? f64 : f32;
  ClippedGradients result;
  Value sum;
  for (const Value& gradient : gradients) {
    const Value squares = cast(at(squaredNorm(gradient, where)), wide);
    sum = sum.builder() == nullptr ? squares : at(sum) + at(squares);
  }
  result.norm = sqrt(at(sum));
  const Value ratio = Operand(largest, where) / at(at(result.norm) + Operand(1e-6, where));
  const Value factor = minimum(at(ratio), at(g.scalar(1, wide, where)));
  for (const Value& gradient : gradients) {
    result.gradients.push_back(at(gradient) * at(cast(at(factor), gradient.dtype())));
  }
  return result;
}

std::vector<Value> withWeightDecay(const std::vector<Value>& gradients, const std::vector<Value>& variables,
                                   double decay, int lowestRank, std::source_location where) {
  if (gradients.size() != variables.size()) {
    GraphBuilder* g = !gradients.empty() ? gradients[0].builder() : variables[0].builder();
    if (g != nullptr) {
      g->addError(makeError<ErrorId::kG0242>(gradients.size(), variables.size()), where);
    }
    return gradients;
  }
  std::vector<Value> result = gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!variables[i].isPoisoned() && variables[i].rank() >= lowestRank) {
      result[i] = Operand(gradients[i], where) + Operand(Operand(variables[i], where) * Operand(decay, where), where);
    }
  }
  return result;
}

}  // namespace kiln::optim
