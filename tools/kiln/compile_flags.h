// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What commands that compile have in common: the cache, and its notes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "compiler/cache/kernel_cache.h"
#include "proto/base/status.h"

namespace kiln::tools {

/// The compile cache, or null where there shall be none. A cache that cannot be used is a note on stderr, no error.
std::shared_ptr<KernelCache> openCache(bool noCache);
/// Says on stderr what the cache could not do, if anything.
void reportCache(const std::shared_ptr<KernelCache>& cache);

/// Whether code for the target can run in this process. Errors: KILN-C0501, and KILN-T0034 with what the machine lacks.
Status checkRunsHere(const std::string& target);

/// Bytes as people read them: `312 bytes`, `14.2 MB`.
std::string bytesText(uint64_t bytes);

}  // namespace kiln::tools
