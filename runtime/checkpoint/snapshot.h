// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A copy of a session's variables, and how it becomes a folder on the disk.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proto/base/status.h"
#include "proto/base/tensor.h"
#include "runtime/checkpoint/file_layer.h"
#include "runtime/session/session.h"

namespace kiln::runtime {

/// What a checkpoint will hold. Taking another keeps the memory. Thread-compatible.
struct Snapshot {
  int64_t step = 0;
  std::string model;
  std::map<std::string, std::string> metadata;
  std::map<std::string, double> metrics;
  std::vector<std::string> names;
  std::vector<Tensor> values;

  void take(const Session& session);
};

/// Writes the checkpoint into the new folder `temporary` and renames it to `path`; both have the parent `folder`. When
/// it fails, `temporary` is removed again, and `path` is not there unless only making its name durable failed. Errors:
/// KILN-R0207, KILN-P0046.
Status writeSnapshot(const Snapshot& snapshot, FileLayer& files, const std::string& folder,
                     const std::string& temporary, const std::string& path);

}  // namespace kiln::runtime
