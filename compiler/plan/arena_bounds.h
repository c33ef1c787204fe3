// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How large an arena with symbolic sizes can become.
#pragma once

#include <map>
#include <string>

#include "compiler/plan/memory_plan.h"
#include "proto/base/shape.h"

namespace kiln::compiler {

/// The least and the largest value of a dim that follow from its symbols' ranges by interval arithmetic: exact when no
/// symbol occurs with both signs. Ends that 64 bits cannot hold are the ends of 64 bits.
DimRange boundsOf(const Dim& dim, const std::map<std::string, DimRange>& ranges);

/// A line of the plan's report: `largest arena: 40960 bytes, for batch in [1, 64]`, or which symbol has no largest
/// value. Empty when every size is a number.
std::string largestArena(const MemoryPlan& plan, const std::map<std::string, DimRange>& ranges);

}  // namespace kiln::compiler
