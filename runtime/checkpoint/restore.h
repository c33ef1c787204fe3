// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Giving a session the values of a checkpoint: all of them, a part, or under other names.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proto/base/status.h"
#include "runtime/session/session.h"

namespace kiln {

struct RestoreOptions {
  /// From names of the checkpoint to names of the model. A rule that ends in `/` maps all names that begin so
  /// (`{"encoder/", "backbone/"}`), another one name. The longest rule that fits is used, once.
  std::vector<std::pair<std::string, std::string>> renames = {};
  /// Variables to restore: whole names or scopes (`hidden`, which has `hidden/w` and the optimizer's state of it);
  /// empty: all. Other variables stay as they are, and tensors for them are no part of the report.
  std::vector<std::string> only = {};
  /// Whether a variable without a tensor, or a tensor without a variable, is an error; otherwise the report has them.
  bool strict = true;
};

/// What a restore did.
struct RestoreReport {
  int64_t step = 0;
  std::vector<std::pair<std::string, std::string>> restored;  ///< Variable and tensor, in the model's order.
  std::vector<std::string> missing;                           ///< Variables for which there was no tensor.
  std::vector<std::string> unused;                            ///< Tensors for which there was no variable.

  /// A line for each kind, for people.
  std::string toString() const;
};

/// Sets variables to the verified values of the checkpoint at `path`, at one moment between two runs, or changes
/// nothing at all. Takes memory for the tensors beside the variables. Thread-safe. Errors: those of readCheckpoint(),
/// KILN-R0202 for a damaged tensor, R0212 for one of another type or shape, R0213 when a strict restore does not fit,
/// R0214 for a rule that fits nothing or two tensors for one variable, P0023 when memory does not suffice.
StatusOr<RestoreReport> restoreCheckpoint(Session& session, const std::string& path,
                                          const RestoreOptions& options = {});

}  // namespace kiln
