// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/check_support.h"

#include <string>

#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/dialect.h"
#include "compiler/dialect/types.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace kiln::compiler {
namespace {

constexpr char kSupportedTypes[] = "f16, bf16, f32, f64, i8 to i64, u8 to u64 and bool";

bool isSupported(DType type) {
  return type == boolean || (bitWidth(type) >= 8 && kiln::isInteger(type)) ||
         (bitWidth(type) >= 16 && kiln::isFloat(type));
}

std::string nameOf(mlir::Operation* op) {
  std::string node = nodeNameOf(op->getLoc());
  std::string source = sourceOf(op->getLoc());
  return (source.empty() ? "" : source + ": ") + (node.empty() ? std::string("the graph") : "'" + node + "'");
}

std::string textOf(mlir::Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << mlir::getElementTypeOrSelf(type);
  return text;
}

/// Ops of the dialect that never reach code generation as themselves are expanded, inlined or resolved before.
bool isSupportedOp(mlir::Operation* op) {
  return schemaOf(op) != nullptr ||
         mlir::isa<mlir::func::FuncOp, mlir::func::ReturnOp, mlir::ModuleOp, VjpOp, JvpOp, KernelOp, YieldOp>(op);
}

}  // namespace

Status checkSupport(mlir::ModuleOp module, const TargetInfo& target) {
  Status status;
  std::string targetName = target.toString();
  auto checkType = [&](mlir::Operation* op, mlir::Type type) {
    if (status.ok() && !isSupported(dtypeOf(type))) {
      status = makeError<ErrorId::kC0702>(nameOf(op), op->getName().getStringRef().str(), textOf(type), targetName,
                                          kSupportedTypes);
    }
  };
  module.walk([&](mlir::Operation* op) {
    if (status.ok() && !isSupportedOp(op)) {
      status = makeError<ErrorId::kC0701>(nameOf(op), op->getName().getStringRef().str(), targetName);
    }
    if (auto function = mlir::dyn_cast<mlir::func::FuncOp>(op)) {
      for (mlir::Type type : function.getArgumentTypes()) {
        checkType(op, type);
      }
    }
    for (mlir::Type type : op->getResultTypes()) {
      checkType(op, type);
    }
    return status.ok() ? mlir::WalkResult::advance() : mlir::WalkResult::interrupt();
  });
  return status;
}

}  // namespace kiln::compiler
