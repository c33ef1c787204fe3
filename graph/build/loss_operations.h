// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Losses with more to choose than a generated function shows; part of operations.h, which explains Operand and
/// how errors come. The plain ones (mseLoss, maeLoss, huberLoss, smoothL1, bceWithLogits, klDiv, cosineEmbeddingLoss,
/// tripletMarginLoss) are generated. Each takes a `reduction`: "none", "mean" (the default) or "sum".
#pragma once

#include <string>

#include "graph/build/builder.h"

namespace kiln {

struct NllOptions {
  Value weights = {};          ///< Of the classes, [classes]; all 1 when empty.
  int64_t ignoreIndex = -100;  ///< Elements with this label count nothing.
  std::string reduction = "mean";
};
struct CrossEntropyOptions {
  Value weights = {};
  double labelSmoothing = 0;  ///< The part of each label that is spread over all classes; in [0, 1].
  int64_t ignoreIndex = -100;
  std::string reduction = "mean";
};
struct CtcOptions {
  int64_t blank = 0;
  bool zeroInfinity = false;  ///< 0 and no gradient, instead of infinity, for labels that no path gives.
  std::string reduction = "mean";
};

/// Negative log likelihood: minus the log-probabilities [.., classes] at the labels [..] (torch.nn.NLLLoss). Labels
/// outside [0, classes) end the run, KILN-R0030.
Value nllLoss(Operand logProbabilities, Operand labels, const NllOptions& options = {});
/// Cross entropy of logits [.., classes] and labels [..] (torch.nn.CrossEntropyLoss); softmaxCrossEntropy() is the
/// plain form of it, not reduced.
Value crossEntropy(Operand logits, Operand labels, const CrossEntropyOptions& options = {});
/// CTC loss of log-probabilities [time, batch, classes] for labels [batch, length] (torch.nn.CTCLoss): the lengths,
/// [batch], say how much of each is used. The mean is of `loss / max(label length, 1)` over the batch. Errors:
/// KILN-G0243 for an unknown reduction.
Value ctcLoss(Operand logProbabilities, Operand labels, Operand inputLengths, Operand labelLengths,
              const CtcOptions& options = {});

}  // namespace kiln
