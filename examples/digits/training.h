// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The training loop, and how good the network is.
#pragma once

#include <optional>
#include <vector>

#include "examples/digits/checkpoints.h"
#include "examples/digits/dataset.h"
#include "examples/digits/options.h"
#include "runtime/session/session.h"

namespace digits {

/// Predicts the test rows. The entry is compiled when it is first asked for. The session outlives it.
class Predictor {
 public:
  Predictor(kiln::Session& session, const Rows& test, kiln::DType dtype);
  /// The part of the rows that the network gets right now.
  kiln::StatusOr<double> accuracy();
  /// What it said of the first row.
  std::vector<double> firstLogits() const;

 private:
  kiln::Session& session_;
  std::optional<kiln::Callable> predict_;
  kiln::Tensor x_, y_;
  std::vector<kiln::Tensor> logits_;
};

/// Trains from the step after the checkpoint's to the last one, or until the user interrupts, and appends the loss of
/// each step to `losses`. The state at the end is saved. What a batch holds depends on the seed and its step only.
kiln::Status train(const Options& options, const Rows& rows, kiln::Session& session, Checkpoints& checkpoints,
                   Predictor& predictor, std::vector<double>& losses);

/// Whether the user interrupted train(), which then ended as if it had come to its last step.
bool wasInterrupted();

}  // namespace digits
