// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Products of 128 bits, for machines that have no instruction for them.
#pragma once

#include "compiler/codegen/common/target.h"

namespace llvm {
class Module;
}  // namespace llvm

namespace kiln::compiler {

/// Defines `__multi3` locally if anything in `module` multiplies numbers of 128 bits: WebAssembly calls it for that.
/// Run it last, like defineMemoryFunctions().
void defineWideMultiply(llvm::Module& module, const TargetInfo& target);

}  // namespace kiln::compiler
