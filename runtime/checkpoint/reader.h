// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Finding, opening and verifying checkpoints.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/dtype.h"
#include "proto/base/status.h"

namespace kiln {

/// A tensor of a checkpoint.
struct CheckpointTensor {
  std::string name;
  DType dtype = DType::kInvalid;
  std::vector<int64_t> dims;
};

/// What is known of a checkpoint before its tensors are read.
struct CheckpointInfo {
  std::string path;
  int64_t step = 0;
  std::string model;
  std::map<std::string, std::string> metadata;  ///< As CheckpointOptions::metadata said.
  std::map<std::string, double> metrics;        ///< As given to save().
  std::vector<CheckpointTensor> tensors;
};

/// The steps of the complete checkpoints in a folder, rising; those of another name, and writes that were cut short,
/// are no checkpoints. Empty when there is no such folder.
std::vector<int64_t> checkpointSteps(const std::string& folder);

/// `folder/step-00000150`
std::string checkpointPath(const std::string& folder, int64_t step);

/// Opens one checkpoint: its manifest verifies, the files have the lengths and heads that it says. Tensors' bytes are
/// verified when they are read. Safe while a writer works in the same folder. Errors: KILN-R0203 to R0206; R0201 when
/// there is no such folder; KILN-P0002 when the system does not let it be read.
StatusOr<CheckpointInfo> readCheckpoint(const std::string& path);

/// Opens the newest complete checkpoint in a folder. When it is damaged, that is an error which names the next older
/// one: going back loses steps, so the user decides it. Errors: KILN-R0201 when there is none, and those of
/// readCheckpoint().
StatusOr<CheckpointInfo> latestCheckpoint(const std::string& folder);

/// Reads everything and compares all digests. Errors: those of readCheckpoint(), KILN-R0202 with the tensor's name.
Status verifyCheckpoint(const std::string& path);

/// Every entry of `wanted` has the same value in the checkpoint's metadata: what may not differ between the parts of
/// one run. Errors: KILN-R0215.
Status requireMetadata(const CheckpointInfo& checkpoint, const std::map<std::string, std::string>& wanted);

}  // namespace kiln
