// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Plain functions around entry points, for programs that link compiled code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/common/target.h"
#include "proto/base/status.h"

namespace kiln::compiler {

/// What the functions may call.
enum class NativeProfile {
  kHosted,  ///< kiln_parallel_for and kiln_host_library, which libkiln_runtime has; aligned_alloc and free.
  kBare,    ///< Nothing: loops are serial, and code that wants the library or memory cannot be run.
};

struct NativeApiOptions {
  std::string prefix;                ///< Before every name.
  std::vector<std::string> entries;  ///< Names of the entries, in the order of kiln_entry_I.
  NativeProfile profile = NativeProfile::kHosted;
};

/// `name` as a part of a C identifier: every character outside [A-Za-z0-9_] is '_'.
std::string toCName(std::string_view name);

/// Makes an object that defines, with default visibility, for each entry
///
///     int64_t <prefix>_<entry>_arena_bytes(const int64_t* dims);
///     int32_t <prefix>_<entry>_run(void* arena, void* const* buffers, const int64_t* dims, int64_t* fault);
///
/// which call kiln_arena_size_I and kiln_entry_I (undefined, hidden) with a context of their own. `arena` is 64-byte
/// aligned; buffers and dims are those of runtime/abi/kiln_abi.h. The result is a kiln_status_t; `fault` is null, or
/// three numbers that a failing run sets: the node, what was found, what was wanted. The functions keep no state.
/// Thread-safe. Errors: KILN-C0502; two entries with the same C name are a fault of the caller.
StatusOr<std::vector<uint8_t>> emitNativeApi(const NativeApiOptions& options, const TargetInfo& target);

/// Makes an object that defines `symbol`, `bytes` that are only read, 64-byte aligned, with default visibility. Errors:
/// KILN-C0502.
StatusOr<std::vector<uint8_t>> emitData(const std::string& symbol, const std::string& bytes, const TargetInfo& target);

}  // namespace kiln::compiler
