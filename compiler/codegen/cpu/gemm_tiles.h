// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The innermost functions of a matrix product: a tile of the result held in registers, and the packing of
/// panels.
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

/// Which parts of a product the shapes of a module call for; code is emitted for no others.
struct GemmNeeds {
  enum : int64_t {
    kPackTransposed = 1 << 0,  ///< b has contiguous columns.
    kPackRows = 1 << 1,        ///< b has contiguous rows, is large and used for many rows.
    kPackA = 1 << 2,           ///< a has contiguous columns and is used for many columns.
    kWide = 1 << 3,            ///< A single row.
    kAccumulate = 1 << 4,      ///< k is longer than a packed panel.
    kWholeRows = 1 << 5,       ///< Tiles of all rows; below: tiles of fewer.
    kFourRows = 1 << 6,
    kTwoRows = 1 << 7,
    kOneRow = 1 << 8,
    kWholeColumns = 1 << 9,  ///< Tiles of all columns; from kOneVector on: of at most 1, 2, ... vectors.
    kOneVector = 1 << 10,
    kAll = (1 << 16) - 1
  };
};

/// The numbers that the tiles of a block share, as an array of i64 in memory.
struct TileParameters {
  enum : int32_t { kK, kARow, kAK, kBK, kCRow, kAccumulate, kCount };
};

/// Emits the functions for one element type into a module. Thread-compatible.
class GemmTiles {
 public:
  GemmTiles(mlir::ModuleOp module, mlir::Location location, mlir::Type element, const TargetInfo& target,
            int64_t needs);

  const GemmShape& shape() const { return shape_; }
  mlir::Type element() const { return element_; }
  bool needs(int64_t part) const { return (needs_ & part) != 0; }
  std::string name(llvm::StringRef part) const;

  /// panel(a, b, c, rows, columns, parameters): any number of rows of at most a tile's columns, tile after tile.
  mlir::func::FuncOp panel();
  /// tile(a, b, c, columns, parameters): rows x vectors of the result. Masked: the last vector has only the columns
  /// that the others leave.
  mlir::func::FuncOp tile(int64_t rows, int64_t vectors, bool masked);
  /// pack(b, packed, k, columns, bK, bN): a k x columns piece of b becomes a panel with rows of a whole tile's columns,
  /// filled up with zeros.
  mlir::func::FuncOp pack();

 private:
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
  int64_t needs_;
  bool fused_;
};

}  // namespace kiln::compiler
