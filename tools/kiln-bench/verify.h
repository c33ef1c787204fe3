// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Whether compiled code computes what the reference interpreter computes.
#pragma once

#include "compiler/pipelines/options.h"
#include "tools/kiln-bench/workloads.h"

namespace kiln::bench {

struct Verification {
  bool isEqual = false;
  double maxError = 0;  ///< Largest difference of any fetch or variable, relative to that tensor's largest value.
};

/// The largest difference between tensors, pair by pair.
Verification compare(const std::vector<Tensor>& got, const std::vector<Tensor>& want);

/// Runs the workload once compiled and once interpreted, from the same variables on the same feeds, and compares
/// fetches and, afterwards, variables.
StatusOr<Verification> verify(const Workload& workload, int threads, const compiler::CompileOptions& compile = {});

}  // namespace kiln::bench
