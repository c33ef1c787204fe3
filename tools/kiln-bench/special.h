// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Workloads that are not the time of one entry: what they measure are fields of their own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "proto/base/status.h"
#include "tools/kiln-bench/verify.h"

namespace kiln::bench {

struct SpecialOptions {
  int threads = 1;
  double seconds = 2;       ///< About how long to measure.
  std::string models = {};  ///< Folder of model files.
};

/// Names and numbers of a result line, in order.
using Fields = std::vector<std::pair<std::string, double>>;

struct SpecialWorkload {
  const char* name;
  StatusOr<Fields> (*measure)(const SpecialOptions& options);
  /// The same at a small size, against the interpreter or a closed form.
  StatusOr<Verification> (*verify)(int threads);
  bool usesAllCores = false;  ///< Unless a number of threads is asked for; others use one.
};

/// Every one of them.
const std::vector<SpecialWorkload>& specialWorkloads();
/// Null when there is none of that name.
const SpecialWorkload* findSpecial(const std::string& name);

// Each in a file of its own.
StatusOr<Fields> measureBuild(const SpecialOptions& options);  ///< build_100k_nodes
StatusOr<Verification> verifyBuild(int threads);
StatusOr<Fields> measureDeepChain(const SpecialOptions& options);  ///< compile_deep_chain
StatusOr<Verification> verifyDeepChain(int threads);
StatusOr<Fields> measureLoadDigits(const SpecialOptions& options);  ///< load_digits
StatusOr<Fields> measureLoadResnet(const SpecialOptions& options);  ///< load_resnet50
StatusOr<Verification> verifyLoad(int threads);
StatusOr<Fields> measureMemoryLimit(const SpecialOptions& options);  ///< orbit_grad_1e6_1mib
StatusOr<Verification> verifyMemoryLimit(int threads);
StatusOr<Fields> measureRecompile(const SpecialOptions& options);  ///< recompile_edited_resnet50
StatusOr<Verification> verifyRecompile(int threads);
StatusOr<Fields> measureTrees(const SpecialOptions& options);  ///< tree_lstm_256
StatusOr<Verification> verifyTrees(int threads);

}  // namespace kiln::bench
