// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Sweeps within bounded memory.
#pragma once

#include "compiler/differentiate/kept_values.h"

namespace kiln::compiler {

/// The sweep reads one loop, forward, and nothing else reads what that loop stacked for it.
bool canUnwind(const SweepLoop& sweep);
/// Bytes of one checkpoint: the carries of the loop that the sweep or the steps before need.
int64_t slotBytesOf(const SweepLoop& sweep, const Lengths& lengths);
/// How often a step runs on average, the sweep's own included, when `steps` are unwound from `slots` checkpoints
/// (Griewank and Walther, "Revolve", 2000).
double unwindFactor(int64_t steps, int64_t slots);
/// Replaces the sweep by a kiln.unwind.
void unwind(const SweepLoop& sweep, int64_t slots);

}  // namespace kiln::compiler
