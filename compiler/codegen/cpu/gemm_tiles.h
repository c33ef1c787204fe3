// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The innermost functions of a matrix product: a tile of the result held in registers, and the packing of
/// panels.
#pragma once

#include "compiler/codegen/common/target.h"
#include "compiler/codegen/cpu/code_builder.h"

namespace kiln::compiler {

/// How a product is cut. Sizes are in elements.
struct GemmShape {
  int64_t width = 0;           ///< Elements of a vector register.
  int64_t rows = 0;            ///< A tile's rows of the result ...
  int64_t vectors = 0;         ///< ... and vectors in each of them.
  int64_t blockK = 320;        ///< A packed panel (blockK x tile columns) stays in the first-level cache.
  int64_t blockN = 512;        ///< Columns that are packed at a time.
  int64_t groupPanels = 4;     ///< Panels that are packed side by side: b is read in runs of this many cache lines.
  int64_t itemRows = 0;        ///< What one parallel item computes, at most: itemRows x blockK of a in the second-level
  int64_t itemColumns = 512;   ///< cache ...
  int64_t leastColumns = 128;  ///< ... and at least, where there are more.
  int64_t streamRows = 16;     ///< Up to this many rows, b is read once, where it lies, ...
  int64_t streamDepth = 8;     ///< ... this many of its rows at a time ...
  int64_t streamColumns = 256;  ///< ... and at least this many columns.

  int64_t columns() const { return width * vectors; }
  int64_t groupColumns() const { return groupPanels * columns(); }
  /// `compute` is what computeType() gives.
  static GemmShape of(mlir::Type compute, const TargetInfo& target);
};

/// The type in which products of `element` are summed: f32 for narrower floats, i32 for narrower integers. Integers
/// have no sign.
mlir::Type gemmComputeType(mlir::Type element);

/// Which parts of a product the shapes of a module call for; code is emitted for no others.
struct GemmNeeds {
  enum : int64_t {
    kPackTransposed = 1 << 0,   ///< b has contiguous columns.
    kPackRows = 1 << 1,         ///< b has contiguous rows, is large and used for many rows.
    kPackATransposed = 1 << 2,  ///< a has contiguous columns and is used for many columns.
    kPackARows = 1 << 3,        ///< a has contiguous rows, is large and used for many columns.
    kStream = 1 << 4,           ///< Few rows.
    kAccumulate = 1 << 5,       ///< k is longer than a packed panel.
    kShared = 1 << 6,           ///< More rows than an item's: items share packed panels.
    kWholeRows = 1 << 7,        ///< Tiles of all rows; below: tiles of fewer.
    kFourRows = 1 << 8,
    kTwoRows = 1 << 9,
    kOneRow = 1 << 10,
    kEpilogue = 1 << 11,
    kWholeColumns = 1 << 12,  ///< Tiles of all columns; from kOneVector on: of at most 1, 2, ... vectors.
    kBlocks = 1 << 13,        ///< Anything but few rows.
    kOneVector = 1 << 14,
    kAll = (1 << 20) - 1
  };
};

/// The numbers that the tiles of a block share, as an array of i64 in memory.
struct TileParameters {
  enum : int32_t { kK, kARow, kAK, kATile, kBK, kCRow, kAccumulate, kCount };
};

/// Emits the functions for one element type into a module. Thread-compatible.
class GemmTiles {
 public:
  /// With `only` the name of a part, the others are declared and defined elsewhere; empty: all are defined.
  GemmTiles(mlir::ModuleOp module, mlir::Location location, mlir::Type element, const TargetInfo& target, int64_t needs,
            std::string only = "");

  const GemmShape& shape() const { return shape_; }
  mlir::Type element() const { return memory_; }   ///< As it lies in memory.
  mlir::Type compute() const { return compute_; }  ///< As it is packed and summed.
  bool converts() const { return memory_ != compute_; }
  bool needs(int64_t part) const { return (needs_ & part) != 0; }
  std::string name(llvm::StringRef part) const;
  static std::string tileName(int64_t rows, int64_t vectors, bool masked);

  /// panel(a, b, c, rows, columns, parameters): any number of rows of at most a tile's columns, tile after tile. All of
  /// the compute type.
  mlir::func::FuncOp panel();
  /// tile(a, b, c, columns, parameters): rows x vectors of the result. Masked: the last vector has only the columns
  /// that the others leave.
  mlir::func::FuncOp tile(int64_t rows, int64_t vectors, bool masked);
  /// stream(a, b, c, rows, columns, parameters): few rows of any number of columns. Reads b in runs of rows, and keeps
  /// sums in c. Behind the parameters there is room for streamRows x streamDepth i64.
  mlir::func::FuncOp stream();
  /// pack(b, packed, k, columns, bK, bN): a k x columns piece of b becomes panels, one after another, with rows of a
  /// whole tile's columns, filled up with zeros or whatever.
  mlir::func::FuncOp pack();
  /// packA(a, packed, rows, k, aRow, aK): rows x k of a becomes tiles, one after another, with columns of a whole
  /// tile's rows, filled up with whatever. Writes up to a vector behind.
  mlir::func::FuncOp packA();
  /// unpack(sums, c, rows, columns, sumsRow, cRow): converts sums to elements.
  mlir::func::FuncOp unpack();

 private:
  /// The function of a part: with an entry block when its body is to be written.
  mlir::func::FuncOp declare(llvm::StringRef part, mlir::TypeRange arguments);
  mlir::Value mulAdd(CodeBuilder& code, mlir::Value x, mlir::Value y, mlir::Value z);
  mlir::Value maskOf(CodeBuilder& code, mlir::Value count);
  mlir::Value zeroVector(CodeBuilder& code);
  mlir::Value spread(CodeBuilder& code, mlir::Value scalar);
  mlir::Value loadMasked(CodeBuilder& code, mlir::Value address, mlir::Value mask);
  void storeMasked(CodeBuilder& code, mlir::Value value, mlir::Value address, mlir::Value mask);
  mlir::Value convert(CodeBuilder& code, mlir::Value loaded);
  mlir::Value loadElement(CodeBuilder& code, mlir::Value address);  ///< Converted.
  mlir::Value loadVector(CodeBuilder& code, mlir::Value address);   ///< Converted.
  void transpose(CodeBuilder& code, CodeBuilder::Values& rows);
  void packRowsOfA(CodeBuilder& code, mlir::Block& body);
  void packColumnsOfA(CodeBuilder& code, mlir::Block& body);
  void packRows(CodeBuilder& code, mlir::Block& body);
  void packColumns(CodeBuilder& code, mlir::Block& body);

  mlir::ModuleOp module_;
  mlir::Location location_;
  mlir::Type element_, memory_, compute_;
  mlir::VectorType vector_;  ///< Of the compute type.
  const TargetInfo& target_;
  GemmShape shape_;
  int64_t needs_;
  std::string only_;
  bool fused_;
};

}  // namespace kiln::compiler
