// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The functions of an entry's kernels.
#pragma once

#include <string>
#include <unordered_map>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/dialect/dialect.h"
#include "llvm/ADT/StringSet.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace kiln::compiler {

/// The kernels' functions; kernels that are equal but for names share one.
class KernelFunctions {
 public:
  KernelFunctions(mlir::ModuleOp code, const CodegenContext& context) : code_(code), context_(context) {}

  /// The function of `kernel`, made when there is none yet. Fails, with a diagnostic, when it cannot be emitted.
  mlir::FailureOr<mlir::func::FuncOp> functionFor(KernelOp kernel, bool hasScratch);
  int count() const { return count_; }

 private:
  std::string uniqueName(llvm::StringRef wanted);

  mlir::ModuleOp code_;
  const CodegenContext& context_;
  llvm::StringSet<> names_;
  std::unordered_map<std::string, mlir::func::FuncOp> byText_;
  int count_ = 0;
};

}  // namespace kiln::compiler
