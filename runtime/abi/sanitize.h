// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file For hosts that call compiled code while they are built with sanitizers.
#pragma once

/// Marks a host function that calls into compiled code. The function-type check of UBSan reads a signature in front of
/// the callee, which compiled code does not have, and which may lie outside the mapping.
#if defined(__clang__)
#define KILN_CALLS_COMPILED_CODE __attribute__((no_sanitize("function")))
#else
#define KILN_CALLS_COMPILED_CODE
#endif
