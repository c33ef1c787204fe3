// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What is done to LLVM IR between translation and code generation.
#pragma once

#include "compiler/codegen/common/target.h"
#include "llvm/Support/CodeGen.h"

namespace llvm {
class Module;
class TargetMachine;
}  // namespace llvm

namespace kiln::compiler {

/// How code finds addresses: position independent, but for WebAssembly, whose linker fixes them.
inline llvm::Reloc::Model relocationOf(const TargetInfo& target) {
  return target.architecture == Architecture::kWasm ? llvm::Reloc::Static : llvm::Reloc::PIC_;
}

/// Runs the few scalar optimisations that pay for kernels, which arrive as explicit loops over explicit vectors.
void optimizeModule(llvm::Module& module, llvm::TargetMachine& machine);

/// Defines memcpy, memmove and memset locally if anything in `module` may become a call of them. Run it last: before,
/// an optimisation would see unused functions.
void defineMemoryFunctions(llvm::Module& module, const TargetInfo& target);

}  // namespace kiln::compiler
