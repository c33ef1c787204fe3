// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/module_text.h"

#include "llvm/Support/raw_ostream.h"

namespace kiln::compiler {
namespace {

constexpr int64_t kElementsShown = 64;

std::string textOf(mlir::ModuleOp module, const mlir::OpPrintingFlags& flags) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, flags);
  return text;
}

}  // namespace

std::string readableText(mlir::ModuleOp module) {
  return textOf(module, mlir::OpPrintingFlags().elideLargeElementsAttrs(kElementsShown));
}

std::string wholeText(mlir::ModuleOp module) { return textOf(module, mlir::OpPrintingFlags()); }

}  // namespace kiln::compiler
