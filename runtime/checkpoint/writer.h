// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Writing checkpoints while training goes on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "proto/base/status.h"
#include "runtime/checkpoint/file_layer.h"
#include "runtime/session/session.h"

namespace kiln {

/// How a folder of checkpoints is kept.
struct CheckpointOptions {
  int keepLast = 3;           ///< The newest that stay; 1 or more.
  int keepBest = 0;           ///< Beside these, the best by `metric`; 0: none.
  std::string metric = {};    ///< What save() is given under this name decides.
  bool lowerIsBetter = true;  ///< For `metric`.
  /// Whether the folder may have checkpoints already, of the run that this one continues.
  bool resume = false;
  /// Stored in every checkpoint; requireMetadata() compares it.
  std::map<std::string, std::string> metadata = {};
  /// What files are written through; null: the operating system as it is. Tests put failures in.
  std::shared_ptr<FileLayer> files = {};
};

/// Writes the checkpoints of one run into a folder, in a thread of its own, and removes old ones. A checkpoint gets its
/// name only when all of it is on the disk, and older ones go only after that: whenever the process or the machine
/// stops, the folder has the last complete one. One writer at a time has the folder open, in all processes; readers
/// need not care. Thread-compatible: one thread at a time calls; runs of the session go on in any thread meanwhile. A
/// moved-from writer may only be destroyed or assigned to.
class CheckpointWriter {
 public:
  /// Makes the folder when there is none, and removes what earlier writers left half done. Errors: KILN-R0207 when it
  /// cannot be written, R0208 when it has checkpoints and `options.resume` is false, R0209 when another writer has it
  /// open, R0211.
  static StatusOr<CheckpointWriter> open(const std::string& folder, const CheckpointOptions& options = {});
  CheckpointWriter(CheckpointWriter&& other) noexcept;
  CheckpointWriter& operator=(CheckpointWriter&& other) noexcept;
  /// As close(), whose error is lost.
  ~CheckpointWriter();

  /// Saves all variables as they are between two runs. Copies them, and returns while they are being written; a call
  /// that comes earlier than the one before is written waits for it, so at most one copy is held, and its memory is
  /// used again. Steps rise. Errors: first of all those of the write before, and then nothing is saved; the caller may
  /// save again. KILN-R0210 for the step, R0211 when the metric that keepBest needs is not there. A write's own errors,
  /// returned by the next call of any: KILN-R0207 (earlier checkpoints are as they were, nothing half written stays)
  /// and P0046 (a type that the file format lacks).
  Status save(const Session& session, int64_t step, const std::map<std::string, double>& metrics = {});

  /// Returns when everything saved is on the disk. Errors: those of the write.
  Status wait();
  /// As wait(), and lets go of the folder. The writer can then only be destroyed. Errors: those of the write.
  Status close();

 private:
  struct State;
  explicit CheckpointWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Writes one checkpoint at `path`, which does not exist yet, and returns when it is on the disk. Errors: KILN-R0207,
/// R0208, P0046.
Status saveCheckpoint(const Session& session, const std::string& path, int64_t step = 0,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace kiln
