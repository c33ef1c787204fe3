// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The checkpoints of a run of the digits example: where it starts, and what it leaves.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "examples/digits/options.h"
#include "runtime/checkpoint/checkpoint.h"

namespace digits {

/// Does nothing when the options name no folder.
class Checkpoints {
 public:
  /// Before anything is compiled: finds the checkpoint to go on from, or sees that the folder is free. Errors: those of
  /// kiln::latestCheckpoint() and kiln::CheckpointWriter::open(); KILN-R0215 when the checkpoint is of a run with
  /// another model, optimizer, type or seed.
  static kiln::StatusOr<Checkpoints> open(const Options& options);

  /// Gives the session the values of the checkpoint, if there is one to go on from.
  kiln::Status restore(kiln::Session& session);
  /// The steps that are done already.
  int64_t startStep() const { return info_ ? info_->step : 0; }

  /// Saves the session as it is after `step` steps. A write that fails is reported on stderr, and training goes on: the
  /// state is in memory, and the next save may find room.
  void save(const kiln::Session& session, int64_t step, const std::vector<double>& losses);
  /// As save() for the state that the run ends in, unless that has been saved.
  void finish(const kiln::Session& session, int64_t step, const std::vector<double>& losses);
  /// Waits until everything is written. The error of the last save.
  kiln::Status close();

 private:
  std::optional<kiln::CheckpointInfo> info_;
  std::optional<kiln::CheckpointWriter> writer_;
  int64_t lastStep_ = -1;  // saved, or on its way
  kiln::Status last_;      // of the last call of save()
  bool isFailing_ = false;
};

}  // namespace digits
