// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The artifact at the end of this program, which `kiln compile --emit exe` put there.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "proto/base/status.h"

namespace kiln::tools {

/// The bytes of the artifact at the end of the program `path`, mapped until the process ends; empty when there is none.
/// Nothing of the artifact has been looked at. Errors: KILN-R0303 for an end that contradicts the file's length,
/// KILN-P0002 when the program cannot be read.
StatusOr<std::span<const uint8_t>> ownArtifact(const std::string& path = "/proc/self/exe");

}  // namespace kiln::tools
