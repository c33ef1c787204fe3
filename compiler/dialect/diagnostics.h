// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Status <-> MLIR diagnostics, so that errors of passes keep their ids and name the user's node.
#pragma once

#include <string>

#include "compiler/dialect/dialect.h"
#include "mlir/IR/Diagnostics.h"

namespace kiln::compiler {

/// Emits an error at the op with the status's message, id included, and returns failure.
llvm::LogicalResult emitStatus(mlir::Operation* op, const Status& status);

/// The node that an op came from, by its location; "" when unknown.
std::string nodeNameOf(mlir::Location location);
/// `model.cc:41`, or "" when unknown.
std::string sourceOf(mlir::Location location);
/// A location that names a node.
mlir::Location nodeLocation(mlir::MLIRContext* context, llvm::StringRef name, llvm::StringRef file, int line);

/// Collects the errors that are emitted in a context while it lives. Thread-compatible.
class DiagnosticCollector {
 public:
  explicit DiagnosticCollector(mlir::MLIRContext* context);
  /// The errors as one status with the first one's id (KILN-C0001 when it has none); OK when there was none.
  Status status() const;

 private:
  std::string text_;
  std::string firstId_;
  mlir::ScopedDiagnosticHandler handler_;
};

}  // namespace kiln::compiler
