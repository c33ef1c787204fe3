// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The last step on a processor: a module of functions, loops and vectors becomes the bytes of an object file.
#pragma once

#include <cstdint>
#include <memory>
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
  /// One of several objects that are linked together: what it defines is hidden, and what the module declares may stay
  /// undefined. Otherwise public functions are visible, and nothing may be undefined.
  bool isUnit = false;
};

/// How much work code generation puts into a module.
enum class CodeEffort {
  kUsual,
  kLittle,  ///< A tenth of the time, for code that only calls other code.
};

/// Texts of what was lowered, for those that are set.
struct LowerTexts {
  std::string* llvmIr = nullptr;    ///< Receives the optimised LLVM IR.
  std::string* assembly = nullptr;  ///< Receives the assembly.
};

/// Adds what lowering needs of a context: the dialects of kernels, and the translation of LLVM's dialect.
void registerLoweringDialects(mlir::DialectRegistry& registry);

/// Turns modules of one context (func, scf, cf, arith, math, index, ub, vector of rank 1, llvm; no memref) into
/// relocatable objects for one target: position independent, without unwind tables; memcpy, memmove and memset are
/// defined locally when code generation asks for them. What can be made once is made once. The context must have seen
/// registerLoweringDialects(). Not thread-safe; several may work side by side in one context that has multithreading
/// enabled.
class Lowering {
 public:
  Lowering(mlir::MLIRContext* context, const TargetInfo& target, const LowerOptions& options);
  ~Lowering();
  Lowering(const Lowering&) = delete;

  /// Rewrites `module` to the LLVM dialect. Equal modules give equal bytes, whatever was lowered before. Errors:
  /// KILN-C0502.
  StatusOr<std::vector<uint8_t>> lower(mlir::ModuleOp module, const LowerTexts& texts = {},
                                       CodeEffort effort = CodeEffort::kUsual);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// Lowers one module, after defineGemmFunctions(). Errors: KILN-C0502.
StatusOr<std::vector<uint8_t>> lowerToObject(mlir::ModuleOp module, const TargetInfo& target,
                                             const LowerOptions& options = {}, const LowerTexts& texts = {});

}  // namespace kiln::compiler
