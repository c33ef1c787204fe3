// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The kernels that an entry calls, told apart by what their code follows from.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/codegen/common/codegen_context.h"
#include "compiler/codegen/cpu/emit_matmul.h"
#include "compiler/codegen/cpu/kernel_text.h"
#include "compiler/dialect/dialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "proto/base/sha256.h"

namespace kiln::compiler {

/// Kernels of an entry that share one function.
struct KernelUse {
  KernelOp kernel;  ///< The first of them.
  bool hasScratch = false;
  KernelText text;  ///< Of the first.
  Sha256 key;       ///< Of the unit; for a kernel without a text, of nothing that another one could have.
  std::string symbol;
  std::optional<GemmUse> gemm;
  std::vector<std::string> nodes;  ///< The names of all of them, as they were met.

  bool isCacheable() const { return !text.text.empty(); }
};

/// The type of a kernel's function: kernelFunctionType(), with scratch when there is any.
mlir::FunctionType unitFunctionType(KernelOp kernel, bool hasScratch);

/// A function to call, and the nodes behind the numbers in its faults (KernelText::nodes).
struct KernelFunction {
  mlir::func::FuncOp declaration;
  std::vector<int> nodes;
};

/// The kernels' functions, declared in the entry's module; kernels that are equal but for names share one.
class KernelFunctions {
 public:
  /// Of entry number `entry`; `optimize` says whether LLVM's optimisations are going to run.
  KernelFunctions(mlir::ModuleOp code, const CodegenContext& context, int entry, bool optimize)
      : code_(code), context_(context), entry_(entry), optimize_(optimize) {}

  KernelFunction functionFor(KernelOp kernel, bool hasScratch);
  /// In the order in which they were first asked for.
  std::vector<KernelUse> take() { return std::move(uses_); }

 private:
  mlir::ModuleOp code_;
  const CodegenContext& context_;
  const int entry_;
  const bool optimize_;
  std::map<Sha256, size_t> byKey_;
  std::vector<KernelUse> uses_;
};

}  // namespace kiln::compiler
