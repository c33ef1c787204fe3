// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/codegen/cpu/emit_entry_kernels.h"

#include "compiler/codegen/cpu/kernel_codegen.h"
#include "compiler/dialect/faults.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace kiln::compiler {
namespace {

namespace LLVM = mlir::LLVM;

/// The kernel without its name, its places and its locations.
std::string textOf(KernelOp kernel) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << kernel.getKind() << kernel->getOperandTypes().size() << ":";
  if (auto alias = kernel.getMayAlias()) {
    out << *alias;
  }
  for (mlir::NamedAttribute attribute : kernel->getDiscardableAttrs()) {
    if (attribute.getName() != "kiln.out" && attribute.getName() != "kiln.scratch" &&
        attribute.getName() != "kiln.commit") {
      out << attribute.getName() << attribute.getValue();
    }
  }
  mlir::OpPrintingFlags flags;
  flags.useLocalScope().elideLargeElementsAttrs(1 << 20).skipRegions(false);
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  for (mlir::Block& block : kernel.getBody()) {
    for (mlir::BlockArgument argument : block.getArguments()) {
      numbers[argument] = numbers.size();
      out << argument.getType();
    }
    for (mlir::Operation& op : block) {
      if (op.getNumRegions() != 0) {
        return {};
      }
      out << "\n" << op.getName() << op.getAttrDictionary() << op.getPropertiesAsAttribute() << "(";
      for (mlir::Value operand : op.getOperands()) {
        out << numbers.lookup(operand) << ",";
      }
      out << ")";
      for (mlir::Value result : op.getResults()) {
        numbers[result] = numbers.size();
        out << result.getType();
      }
    }
  }
  return text;
}

}  // namespace

mlir::FailureOr<mlir::func::FuncOp> KernelFunctions::functionFor(KernelOp kernel, bool hasScratch) {
  // A fault names the node that raised it, so kernels that may fail are not shared.
  std::string key = mayFault(kernel) ? std::string() : textOf(kernel);
  if (auto found = byText_.find(key); !key.empty() && found != byText_.end()) {
    return found->second;
  }
  mlir::OpBuilder b = mlir::OpBuilder::atBlockEnd(code_.getBody());
  llvm::SmallVector<mlir::Type> inputs(kernel->getNumOperands() + kernel->getNumResults() + 2 + (hasScratch ? 1 : 0),
                                       LLVM::LLVMPointerType::get(b.getContext()));
  auto function = mlir::func::FuncOp::create(b, kernel.getLoc(), uniqueName(kernel.getName()),
                                             b.getFunctionType(inputs, {b.getI32Type()}));
  function.setPrivate();
  if (mlir::failed(emitKernel(kernel, function, context_))) {
    return mlir::failure();
  }
  ++count_;
  if (!key.empty()) {
    byText_.emplace(std::move(key), function);
  }
  return function;
}

std::string KernelFunctions::uniqueName(llvm::StringRef wanted) {
  // The prefix keeps users' names apart from those of the functions that kernels share.
  std::string first = "kernel." + wanted.str(), name = first;
  for (int i = 1; !names_.insert(name).second; ++i) {
    name = first + "." + std::to_string(i);
  }
  return name;
}

}  // namespace kiln::compiler
