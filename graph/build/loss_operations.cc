// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/loss_operations.h"

#include "graph/build/operations.h"

namespace kiln {
namespace {

std::vector<Operand> withWeights(const Operand& scores, const Operand& labels, const Value& weights) {
  std::vector<Operand> operands = {scores, labels};
  if (weights.builder() != nullptr) {
    operands.emplace_back(weights, scores.where);
  }
  return operands;
}

}  // namespace

Value nllLoss(Operand logProbabilities, Operand labels, const NllOptions& options) {
  return detail::makeOperation("nll_loss", withWeights(logProbabilities, labels, options.weights),
                               {{"ignore_index", options.ignoreIndex}, {"reduction", options.reduction}});
}

Value crossEntropy(Operand logits, Operand labels, const CrossEntropyOptions& options) {
  return detail::makeOperation("cross_entropy", withWeights(logits, labels, options.weights),
                               {{"label_smoothing", options.labelSmoothing},
                                {"ignore_index", options.ignoreIndex},
                                {"reduction", options.reduction}});
}

Value ctcLoss(Operand logProbabilities, Operand labels, Operand inputLengths, Operand labelLengths,
              const CtcOptions& options) {
  const Value losses = detail::makeOperations("ctc_loss", {logProbabilities, labels, inputLengths, labelLengths},
                                              {{"blank", options.blank}, {"zero_infinity", options.zeroInfinity}})[0];
  const auto at = [&](Value v) { return Operand(v, logProbabilities.where); };
  if (losses.builder() == nullptr || losses.isPoisoned() || options.reduction == "none") {
    return losses;
  }
  GraphBuilder& g = *losses.builder();
  if (options.reduction == "sum") {
    return reduceSum(at(losses));
  }
  if (options.reduction != "mean") {
    g.addError(makeError<ErrorId::kG0243>("'reduction' of ctcLoss", "'" + options.reduction + "'", "none, mean or sum"),
               logProbabilities.where);
    return g.poisoned();
  }
  const Value atLeastOne = maximum(labelLengths, at(g.scalar(1, labelLengths.value.dtype(), logProbabilities.where)));
  return reduceMean(at(at(losses) / at(cast(at(atLeastOne), losses.dtype()))));
}

}  // namespace kiln
