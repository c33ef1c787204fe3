// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Artifacts, as `kiln inspect` sees them.
#pragma once

#include <string>

#include "tools/kiln/inspect.h"

namespace kiln::tools {

/// Prints what an artifact holds: signatures, variables, dims, targets, sizes, arenas, digests and who signed it. With
/// `entry`, of this entry only, with its kernels. Errors: those of opening it, KILN-T0006, and KILN-T0034 for a format
/// that artifacts do not have.
Status inspectArtifact(const std::string& path, const std::string& entry, InspectFormat format);

}  // namespace kiln::tools
