// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Packs the buffers of a plan into one arena.
#pragma once

#include "compiler/plan/memory_plan.h"

namespace kiln::compiler {

/// Gives every buffer of `plan` its place so that buffers whose lifetimes overlap never share bytes: static sizes by
/// best fit, symbolic sizes in slots, sizes of local symbols in blocks of their own. Sets staticBytes, slots and
/// locals.
void assignOffsets(MemoryPlan& plan);

/// Whether a dim has a symbol that a bind_dim of the entry binds.
bool mentionsLocal(const MemoryPlan& plan, const Dim& dim);

/// True when a <= b for all non-negative values of the symbols, by comparing coefficients.
bool isAlwaysAtMost(const Dim& a, const Dim& b);

}  // namespace kiln::compiler
