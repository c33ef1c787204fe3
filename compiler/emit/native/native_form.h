// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Compiled code in the forms that C and C++ programs link: an object, libraries, a header; and as a program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/cpu/emit_native_api.h"
#include "compiler/pipelines/compile.h"
#include "proto/base/status.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// What the forms are made from. Plain data that outlives the calls.
struct NativeModel {
  std::string name;  ///< Before every C name; characters that C does not allow there become '_'.
  const ModelInfo* model = nullptr;
  std::vector<std::string> entries;  ///< Names of model->entries, as they were given to compileCode().
  const CompiledCode* code = nullptr;
  NativeProfile profile = NativeProfile::kHosted;
};

/// One relocatable object: the code, its functions (emit_native_api.h), and the weights as `<name>_weights`. Nothing
/// else of it can be seen, so several models go into one program. Equal input gives equal bytes, as all functions here
/// do. Errors: KILN-C0403 for a target or an entry that has no such form, KILN-C0405 for a bare one that needs a
/// library, and those of the linker.
StatusOr<std::vector<uint8_t>> nativeObject(const NativeModel& model);

/// The same as a static library.
StatusOr<std::vector<uint8_t>> nativeStaticLibrary(const NativeModel& model);

/// The same as a shared library with the soname `lib<name>.so`.
StatusOr<std::vector<uint8_t>> nativeSharedLibrary(const NativeModel& model);

/// The header of the forms above: C99 that C++ reads too, with typed functions, sizes, and a class for C++17. It needs
/// no other file of Kiln's. Errors: as nativeObject(); KILN-C0403 also when two names become one in C.
StatusOr<std::string> nativeHeader(const NativeModel& model);

/// A program that runs the artifact as kiln-run does: `runner`, the program kiln-run, with the artifact at its end.
/// Errors: KILN-C0403 when the target is not of this machine's kind.
StatusOr<std::vector<uint8_t>> nativeProgram(const std::string& target, std::vector<uint8_t> runner,
                                             const std::vector<uint8_t>& artifact);

}  // namespace kiln::compiler
