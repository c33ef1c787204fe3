// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a WebAssembly module says of itself: the text of its section `kiln`, for tools/wasm/kiln.js.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/status.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// A variable of a module.
struct WasmVariable {
  VariableSpec spec;
  std::optional<int64_t> offset;  ///< Of its first value among the module's data; nothing where `init` makes it, or
                                  ///< where it is zero.
  bool isZero = false;
};

/// An entry of a module.
struct WasmEntry {
  std::string name;
  std::string symbolPrefix;              ///< `kiln_predict`, which `_run` and `_arena_bytes` follow.
  EntryManifest manifest;                ///< Its variables are indices into the module's.
  std::vector<int64_t> constantOffsets;  ///< Among the module's data, as manifest.constants.
};

/// JSON: format (1), model; variables and entries with types and lengths (a number, a symbol, or text and terms of a
/// polynomial), for each symbol the axis that gives its value, names of nodes; and the texts of the errors that the
/// loader reports, by id and by kiln_status_t. Equal arguments give equal bytes. Errors: KILN-C0403 for types that
/// JavaScript has no arrays of, KILN-R0006 for a symbol that no feed determines.
StatusOr<std::string> wasmSignature(const std::string& target, const std::string& model,
                                    const std::vector<WasmVariable>& variables, const std::vector<WasmEntry>& entries);

}  // namespace kiln::compiler
