// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The training loop.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/kiln/train/dataset.h"
#include "tools/kiln/train/network.h"
#include "tools/kiln/train/plan.h"
#include "tools/kiln/train/run_state.h"

namespace kiln::train {

/// What a net has to know of these data.
NetworkInput inputOf(const Dataset& data, DType dtype, int64_t totalSteps);

/// Values of the test rows by their names: `loss`, then the metrics of the net.
using Evaluation = std::vector<std::pair<std::string, double>>;

/// What is told at the end of an epoch, and at each evaluation.
struct Progress {
  int64_t step = 0;
  std::optional<int64_t> epoch;  ///< From 1, when it has just ended.
  double loss = 0;               ///< The mean of the epoch's steps so far.
  Evaluation test;               ///< Empty when nothing was evaluated.
};

/// What wants to know how a training goes. Functions may be empty.
struct Listener {
  std::function<void(int64_t step, double loss)> onStep = {};
  std::function<void(const Progress&)> onProgress = {};
  std::function<void(const std::string& text)> onWarning = {};
};

struct TrainResult {
  RunState state;
  std::vector<double> losses;  ///< Of the steps of this run.
  Evaluation test;             ///< At the end; empty without test rows.
  bool wasInterrupted = false;
};

/// Trains from where the session and the checkpoints stand to the plan's end, until early stopping ends it, or until
/// `stop` is set: the step under way is completed then. The state at the end is saved. What a step does depends on the
/// description and its number only. Errors: those of running the entries; KILN-T0031 for early stopping by what is not
/// evaluated.
StatusOr<TrainResult> trainNetwork(const ConfigFile& file, const Network& network, const Dataset& data,
                                   const Plan& plan, Session& session, RunCheckpoints& checkpoints,
                                   const Listener& listener = {}, const std::atomic<bool>* stop = nullptr);

/// Evaluates rows with the entry eval, `batch` at a time.
StatusOr<Evaluation> evaluate(const Network& network, const Rows& rows, int64_t batch, Session& session);

}  // namespace kiln::train
