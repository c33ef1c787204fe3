// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Workloads that are loops.
#pragma once

#include <cstdint>
#include <random>

#include "tools/kiln-bench/workloads.h"

namespace kiln::bench {

/// `steps` leapfrog steps of a body on an orbit: x at the end, or its gradient for the four start values.
StatusOr<Workload> orbit(int64_t steps, bool wantsGradient);

/// The gradient of sum(h) for W after `steps` steps h = tanh(h W), h [16, 64].
StatusOr<Workload> tanhRnnGradient(std::mt19937& random, int64_t steps);

}  // namespace kiln::bench
