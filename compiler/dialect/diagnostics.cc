// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/diagnostics.h"

#include "mlir/IR/Location.h"

namespace kiln::compiler {

llvm::LogicalResult emitStatus(mlir::Operation* op, const Status& status) {
  return op->emitError(llvm::StringRef(status.message().data(), status.message().size()));
}

std::string nodeNameOf(mlir::Location location) {
  if (auto named = llvm::dyn_cast<mlir::NameLoc>(location)) {
    return named.getName().str();
  }
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location); fused && !fused.getLocations().empty()) {
    return nodeNameOf(fused.getLocations().front());
  }
  return "";
}

std::string sourceOf(mlir::Location location) {
  if (auto named = llvm::dyn_cast<mlir::NameLoc>(location)) {
    return sourceOf(named.getChildLoc());
  }
  if (auto file = llvm::dyn_cast<mlir::FileLineColLoc>(location)) {
    return (file.getFilename().getValue() + ":" + std::to_string(file.getLine())).str();
  }
  if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location); fused && !fused.getLocations().empty()) {
    return sourceOf(fused.getLocations().front());
  }
  return "";
}

mlir::Location nodeLocation(mlir::MLIRContext* context, llvm::StringRef name, llvm::StringRef file, int line) {
  mlir::Location place = mlir::UnknownLoc::get(context);
  if (!file.empty()) {
    place = mlir::FileLineColLoc::get(context, file, static_cast<unsigned>(line), 1);
  }
  return mlir::NameLoc::get(mlir::StringAttr::get(context, name), place);
}

DiagnosticCollector::DiagnosticCollector(mlir::MLIRContext* context)
    : handler_(context, [this](mlir::Diagnostic& diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error) {
          return llvm::success();
        }
        std::string message = diagnostic.str();
        std::string node = nodeNameOf(diagnostic.getLocation());
        std::string where = sourceOf(diagnostic.getLocation());
        // The id goes to the front of the whole, so that the place may stand before the sentence.
        llvm::StringRef rest = message;
        std::string id;
        if (rest.consume_front("[KILN-")) {
          id = ("KILN-" + rest.take_until([](char c) { return c == ']'; })).str();
          rest = rest.drop_until([](char c) { return c == ']'; }).drop_front().ltrim();
        }
        if (firstId_.empty()) {
          firstId_ = id;
        }
        std::string line = where.empty() ? "" : where + ": ";
        // Messages that name the node themselves do not get it twice.
        if (!node.empty() && !rest.contains("'" + node + "'")) {
          line += "'" + node + "': ";
        }
        text_ += (text_.empty() ? "" : "\n") + line + rest.str();
        return llvm::success();
      }) {}

Status DiagnosticCollector::status() const {
  if (text_.empty()) {
    return {};
  }
  if (const ErrorInfo* info = firstId_.empty() ? nullptr : findError(firstId_)) {
    return internal::makeError(static_cast<ErrorId>(info - allErrors().data()), text_);
  }
  return makeError<ErrorId::kC0001>(text_);
}

}  // namespace kiln::compiler
