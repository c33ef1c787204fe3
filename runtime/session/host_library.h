// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The scalar functions that compiled code may ask of the host.
#pragma once

#include "runtime/abi/kiln_abi.h"

namespace kiln::runtime {

/// The C library's functions. Lives forever.
const kiln_library_t* hostLibrary();

}  // namespace kiln::runtime
