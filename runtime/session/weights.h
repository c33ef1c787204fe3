// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A session's variables to and from a weights file (safetensors).
#pragma once

#include <string>

#include "proto/base/status.h"
#include "runtime/session/session.h"

namespace kiln {

/// Writes all variables, as they are at one moment between runs, into a safetensors file, which replaces an old one in
/// one step. Errors: KILN-P0004 (not writable), KILN-P0046 (a type or name that the format lacks).
Status exportWeights(const Session& session, const std::string& path);

/// Gives every variable the file's value at one moment between runs: no run sees some old and some new values. The file
/// has a tensor for every variable, of its type and shape, and no other; otherwise nothing changes. Errors: KILN-R0311,
/// which lists what is missing, too much, or of another type, and those of reading the file (KILN-P0001, P0002, P004x).
Status importWeights(Session& session, const std::string& path);

}  // namespace kiln
