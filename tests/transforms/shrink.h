// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Makes a failing program small.
#pragma once

#include <functional>

#include "tests/transforms/program.h"

namespace kiln::testing {

/// The program without the steps whose results nothing reads.
Program withoutDeadSteps(Program program);

/// The smallest program found that still has the property `fails`, which `program` has: results are dropped, steps are
/// replaced by an argument or a constant, blocks by what lies in them, as long as it fails. `fails` is asked at most
/// `maxTries` times.
Program shrink(const Program& program, const std::function<bool(const Program&)>& fails, int maxTries = 400);

}  // namespace kiln::testing
