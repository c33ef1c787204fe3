// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The last step on a processor: a module of functions, loops and vectors becomes the bytes of an object file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/codegen/common/target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "proto/base/status.h"

namespace kiln::compiler {

struct LowerOptions {
  bool optimize = true;  ///< LLVM's scalar optimisations; without them code is slower, never different in result.
  bool verify = false;   ///< LLVM's verifier before code generation.
  std::string* llvmIr = nullptr;    ///< When set, receives the optimised LLVM IR as text.
  std::string* assembly = nullptr;  ///< When set, receives the assembly as text.
};

/// Adds what lowerToObject() needs of a context: the dialects of kernels, and the translation of LLVM's dialect.
void registerLoweringDialects(mlir::DialectRegistry& registry);

/// Turns `module` (func, scf, cf, arith, math, index, ub, vector of rank 1, llvm; no memref) into an x86-64 ELF object:
/// position independent, without unwind tables, and without undefined symbols: memcpy, memmove and memset are defined
/// locally when code generation asks for them. Rewrites `module` to the LLVM dialect. The module's context must have
/// seen registerLoweringDialects(). Thread-compatible. Errors: KILN-C0502.
StatusOr<std::vector<uint8_t>> lowerToObject(mlir::ModuleOp module, const TargetInfo& target,
                                             const LowerOptions& options = {});

}  // namespace kiln::compiler
