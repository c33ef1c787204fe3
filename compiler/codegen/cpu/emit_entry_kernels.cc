// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_entry_kernels.h"

#include <utility>

#include "compiler/codegen/cpu/code_unit.h"
#include "compiler/codegen/cpu/kernel_codegen.h"

namespace kiln::compiler {

mlir::FunctionType unitFunctionType(KernelOp kernel, bool hasScratch) {
  const mlir::FunctionType type = kernelFunctionType(kernel);
  llvm::SmallVector<mlir::Type> inputs(type.getInputs());
  if (hasScratch) {
    inputs.push_back(inputs.back());
  }
  return mlir::FunctionType::get(kernel->getContext(), inputs, type.getResults());
}

KernelFunction KernelFunctions::functionFor(KernelOp kernel, bool hasScratch) {
  KernelUse use;
  use.kernel = kernel;
  use.hasScratch = hasScratch;
  use.text = describeKernel(kernel, context_);
  // A kernel without a text is like no other of its program, and is not kept.
  const std::string text = use.isCacheable() ? "kernel " + use.text.text
                                             : "single kernel " + std::to_string(entry_) + " " +
                                                   std::to_string(uses_.size()) + " " + kernel.getName().str();
  use.key = unitKey(context_.target, optimize_, text + (hasScratch ? " scratch" : ""));
  const std::vector<int> nodes = use.text.nodes;
  const auto [known, isNew] = byKey_.try_emplace(use.key, uses_.size());
  if (isNew) {
    use.symbol = kernelSymbol(use.key);
    use.gemm = gemmOf(kernel, context_.target);
    mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(code_.getBody());
    mlir::func::FuncOp::create(b, kernel.getLoc(), use.symbol, unitFunctionType(kernel, hasScratch)).setPrivate();
    uses_.push_back(std::move(use));
  }
  KernelUse& shared = uses_[known->second];
  shared.nodes.push_back(kernel.getName().str());
  return {code_.lookupSymbol<mlir::func::FuncOp>(shared.symbol), nodes};
}

}  // namespace kiln::compiler
