// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What `kiln inspect` can be asked for.
#pragma once

#include <cstdint>
#include <string>

#include "proto/base/status.h"

namespace kiln::tools {

enum class InspectFormat { kTable, kJson, kDot };

struct LowerCommand {
  std::string model;
  std::string entry;
  std::string compileTo;    ///< A phase: print the entry as it is after it. Empty: compile it whole.
  bool dumpPlan = false;    ///< Print where every buffer lies, the peak and the lower bound.
  bool timePasses = false;  ///< Print how long each phase and pass took.
  bool verifyEach = false;  ///< Check the module after every pass.
  uint64_t memLimit = 0;    ///< Bytes that gradients of loops may keep; 0: no limit.
};

/// Shows what the compiler makes of an entry. Errors: KILN-T0006, and the compiler's.
Status lowerModel(const LowerCommand& options);

}  // namespace kiln::tools
