// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What compiled code reports, in the user's words.
#pragma once

#include "proto/base/status.h"
#include "runtime/abi/kiln_abi.h"
#include "runtime/session/executable.h"

namespace kiln::runtime {

/// The error for a run that returned `status`, which is not OK. Names the user's node and where it was made, when
/// known. Errors: KILN-R0030 to KILN-R0036, KILN-R0040 to KILN-R0045.
Status faultStatus(const EntryManifest& manifest, kiln_status_t status, const kiln_error_t& error);

}  // namespace kiln::runtime
