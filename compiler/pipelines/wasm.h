// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Compiled code as a WebAssembly module.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/pipelines/compile.h"
#include "proto/base/status.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// Links code for wasm32, whose entries are model.entries, to a module that imports nothing. It exports its memory,
/// `__heap_base`, where free memory begins, `kiln_data`, where first values of variables and constants lie, and for
/// each entry the functions of compiler/codegen/cpu/emit_native_api.h, whose names are in the section `kiln`
/// (wasm_signature.h), which tools/wasm/kiln.js reads. Pointers in buffers[] take 8 bytes. Equal arguments give equal
/// bytes. Thread-safe. Errors: KILN-C0403 for other targets and for types that JavaScript has no arrays of, KILN-C0405
/// for an entry that calls a library, those of the linker.
StatusOr<std::vector<uint8_t>> wasmModule(const ModelInfo& model, const CompiledCode& code);

}  // namespace kiln::compiler
