// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a run knows beside its variables, and the checkpoints that keep both.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "runtime/checkpoint/checkpoint.h"
#include "tools/kiln/train/config_file.h"

namespace kiln::train {

/// What is carried from step to step outside of the session.
struct RunState {
  int64_t step = 0;  ///< How many are done.
  /// The losses of the epoch so far.
  double lossSum = 0;
  int64_t lossCount = 0;
  /// Early stopping: the best value so far, and the evaluations since.
  std::optional<double> best;
  int64_t waited = 0;
  bool isDone = false;  ///< Training has ended early.

  double meanLoss() const { return lossCount > 0 ? lossSum / static_cast<double>(lossCount) : 0; }
};

/// Does nothing when the description names no folder. Thread-compatible.
class RunCheckpoints {
 public:
  /// Before anything is compiled: finds the checkpoint to go on from, or sees that the folder is free. Errors: those of
  /// latestCheckpoint() and CheckpointWriter::open(); KILN-R0215 for a checkpoint of another net, other data or another
  /// seed; KILN-T0031 for resuming without a folder.
  static StatusOr<RunCheckpoints> open(const ConfigFile& file, bool resume);

  /// Gives the session the values of the checkpoint, if there is one to go on from, and returns the state with it.
  StatusOr<RunState> restore(Session& session);
  /// Saves the session as it is. A write that fails is told to `warn`, and training goes on: the state is in memory,
  /// and the next save may find room.
  void save(const Session& session, const RunState& state, const std::function<void(const std::string&)>& warn);
  /// Waits until everything is written. The error of the last save.
  Status close();
  /// The steps that are done already.
  int64_t startStep() const { return info_ ? info_->step : 0; }

 private:
  std::optional<CheckpointInfo> info_;
  std::optional<CheckpointWriter> writer_;
  int64_t lastStep_ = -1;  // saved, or on its way
  Status last_;
  bool isFailing_ = false;
};

}  // namespace kiln::train
