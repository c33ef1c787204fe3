// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a run of the digits example shows: progress, and a prediction drawn in the terminal.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace digits {

/// Prints the progress of training: a bar that redraws itself on a terminal, a line an epoch elsewhere.
class Progress {
 public:
  Progress(int64_t stepsPerEpoch, int64_t totalSteps);
  /// After each step; `step` counts from 1. The first one of the run is always shown.
  void step(int64_t step, double loss);
  /// After each epoch, with the accuracy on the test rows.
  void epoch(int64_t epoch, double meanLoss, double accuracy);
  /// When the user ended the run early.
  void interrupted(int64_t step);

 private:
  void clearBar();
  bool isTerminal_;
  bool isFirst_ = true;
  int64_t stepsPerEpoch_;
  int64_t totalSteps_;
};

/// Draws an 8x8 image beside the probabilities of its ten classes.
void drawPrediction(std::span<const double> pixels, std::span<const double> logits, int label);

}  // namespace digits
