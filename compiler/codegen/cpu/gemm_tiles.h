// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The innermost functions of a matrix product: a tile of the result held in registers, and the packing of panels.
#pragma once

#include "compiler/codegen/common/target.h"
#include "compiler/codegen/cpu/code_builder.h"

namespace kiln::compiler {

/// How a product is cut. Sizes are in elements.
struct GemmShape {
  int64_t width = 0;        ///< Elements of a vector register.
  int64_t rows = 0;         ///< A tile's rows of the result ...
  int64_t vectors = 0;      ///< ... and vectors in each of them.
  int64_t wideVectors = 0;  ///< Vectors of the tile for a single row.
  int64_t blockK = 256;     ///< A packed panel (blockK x tile columns) stays in the first-level cache.
  int64_t blockN = 512;     ///< Columns that are packed at a time.
  int64_t itemRows = 48;    ///< What one parallel item computes, at most.
  int64_t itemColumns = 128;

  int64_t columns() const { return width * vectors; }
  static GemmShape of(mlir::Type element, const TargetInfo& target);
};

/// Emits the functions for one element type into a module. Thread-compatible.
class GemmTiles {
 public:
  GemmTiles(mlir::ModuleOp module, mlir::Location location, mlir::Type element, const TargetInfo& target);

  const GemmShape& shape() const { return shape_; }
  mlir::Type element() const { return element_; }
  std::string name(llvm::StringRef part) const;

  /// panel(a, b, c, rows, columns, k, aRow, aK, bK, cRow, accumulate): any number of rows of at most a tile's columns,
  /// tile after tile. accumulate (i1) adds to c instead of overwriting it.
  mlir::func::FuncOp panel();
  /// wide(a, b, c, k, aK, bK, accumulate): one row of wideVectors vectors.
  mlir::func::FuncOp wide();
  /// pack(b, packed, k, columns, bK, bN): a k x columns piece of b becomes a panel with rows of a whole tile's columns,
  /// filled up with zeros.
  mlir::func::FuncOp pack();

 private:
  mlir::func::FuncOp tile(int64_t rows, int64_t vectors, bool masked);
  mlir::func::FuncOp declare(llvm::StringRef part, mlir::TypeRange arguments);
  mlir::Value mulAdd(CodeBuilder& code, mlir::Value x, mlir::Value y, mlir::Value z);
  mlir::Value maskOf(CodeBuilder& code, mlir::Value count);
  mlir::Value zeroVector(CodeBuilder& code);
  mlir::Value loadMasked(CodeBuilder& code, mlir::Value address, mlir::Value mask);
  void transposeBlock(CodeBuilder& code, mlir::Value from, mlir::Value fromStride, mlir::Value to);

  mlir::ModuleOp module_;
  mlir::Location location_;
  mlir::Type element_;
  mlir::VectorType vector_;
  GemmShape shape_;
  bool fused_;
};

}  // namespace kiln::compiler
