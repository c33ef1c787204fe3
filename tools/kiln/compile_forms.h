// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The forms of `kiln compile` beside artifacts.
#pragma once

#include <string>
#include <vector>

#include "compiler/pipelines/artifact.h"
#include "graph/ir/graph.h"
#include "proto/base/status.h"

namespace kiln::tools {

enum class EmitForm { kArtifact, kObject, kStatic, kShared, kProgram, kHeader, kModule, kMlir, kLlvm, kAssembly };

inline bool isTextForm(EmitForm form) {
  return form == EmitForm::kMlir || form == EmitForm::kLlvm || form == EmitForm::kAssembly;
}

/// One entry as text: `mlir` before code is made of it, `llvm` and `asm` after. Errors: those of the compiler.
StatusOr<std::string> textOf(const Graph& graph, const std::string& entry, EmitForm form,
                             const compiler::CompileOptions& options);

/// What a native form is made with.
struct NativeFlags {
  std::string name;     ///< Before every C name.
  bool isBare = false;  ///< Of --profile.
};

/// The bytes of a file of that form: object, libraries, program or header. Errors: KILN-C0403, C0405, those of the
/// compiler, and KILN-T0035 when the program kiln-run, which programs are made from, is missing.
StatusOr<std::vector<uint8_t>> nativeBytes(const Graph& graph, const compiler::ArtifactRequest& request, EmitForm form,
                                           const NativeFlags& flags, compiler::ArtifactReport& report);

/// Writes `path`, a module of WebAssembly, and kiln.js, which loads it, beside it; with `isDemo` also NAME.html, a page
/// that draws and classifies digits. Returns the module's size. Errors: KILN-C0403, C0405, KILN-T0034 for several
/// targets, and those of the compiler.
StatusOr<uint64_t> writeWasm(const Graph& graph, const compiler::ArtifactRequest& request, const std::string& path,
                             bool isDemo, compiler::ArtifactReport& report);

}  // namespace kiln::tools
