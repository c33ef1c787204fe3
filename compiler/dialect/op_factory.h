// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Making ops by name, with types inferred: for rules and rewrites.
#pragma once

#include "compiler/dialect/dialect.h"
#include "compiler/dialect/infer.h"

namespace kiln::compiler {

/// Makes `kiln.<name>` with the result types that inferShape gives. The caller knows that the op is valid; an error of
/// the inference is a bug of ours and checked.
mlir::Operation* createOp(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
/// createOp() for ops whose operands may not fit: nothing is made then. The only result.
StatusOr<Value> tryCreate(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes = {});
/// The only result of createOp().
Value create(mlir::OpBuilder& b, mlir::Location loc, llvm::StringRef name, mlir::ValueRange operands,
             llvm::ArrayRef<mlir::NamedAttribute> attributes = {});

Value add(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y);
Value sub(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y);
Value mul(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y);
Value div(mlir::OpBuilder& b, mlir::Location loc, Value x, Value y);
Value neg(mlir::OpBuilder& b, mlir::Location loc, Value x);
Value select(mlir::OpBuilder& b, mlir::Location loc, Value condition, Value x, Value y);
Value castTo(mlir::OpBuilder& b, mlir::Location loc, Value x, DType dtype);

/// An i64 vector that holds the lengths.
Value shapeValue(mlir::OpBuilder& b, mlir::Location loc, const Shape& shape);
/// Each returns x itself when it has the shape already.
Value broadcastTo(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& shape);
Value reshapeTo(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& shape);
Value transposeBy(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> permutation);
Value reduceSum(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes, bool keepDims);
Value reduceMax(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes, bool keepDims);
Value sliceOf(mlir::OpBuilder& b, mlir::Location loc, Value x, const Shape& starts, const Shape& ends,
              llvm::ArrayRef<int64_t> steps);
/// Repeats a value that was reduced over `axes` (kept as length 1 when `keptDims`) to the shape from before.
Value broadcastOverAxes(mlir::OpBuilder& b, mlir::Location loc, Value x, llvm::ArrayRef<int64_t> axes, bool keptDims,
                        const Shape& shape);

/// A tensor of equal elements; a symbolic shape becomes a broadcast of a scalar.
Value splat(mlir::OpBuilder& b, mlir::Location loc, double value, const ValueType& type);
Value splatLike(mlir::OpBuilder& b, mlir::Location loc, double value, Value like);
/// The one value that all elements of `value` have, when that can be seen: a splat constant or broadcasts and reshapes
/// of one.
std::optional<double> splatValueOf(Value value);

/// The x of a transpose that exchanges the last two axes and leaves the others, which a matmul reads by its flags; else
/// null.
Value lastAxesExchanged(Value value);

/// Axes counted from 0, sorted.
llvm::SmallVector<int64_t> normalizedAxes(llvm::ArrayRef<int64_t> axes, int rank);

}  // namespace kiln::compiler
