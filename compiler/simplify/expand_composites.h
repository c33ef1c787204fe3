// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file How composite ops are written with primitive ones, a function for each.
#pragma once

#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {

/// The values that replace the op's results, made by ops inserted at `b`.
using Expansion = llvm::SmallVector<Value> (*)(mlir::OpBuilder& b, mlir::Operation* op);

llvm::SmallVector<Value> expandSoftmax(mlir::OpBuilder& b, mlir::Operation* op);
llvm::SmallVector<Value> expandLogSoftmax(mlir::OpBuilder& b, mlir::Operation* op);
llvm::SmallVector<Value> expandSoftmaxCrossEntropy(mlir::OpBuilder& b, mlir::Operation* op);
llvm::SmallVector<Value> expandSoftmaxCrossEntropyDense(mlir::OpBuilder& b, mlir::Operation* op);
llvm::SmallVector<Value> expandSgd(mlir::OpBuilder& b, mlir::Operation* op);
llvm::SmallVector<Value> expandMomentum(mlir::OpBuilder& b, mlir::Operation* op);
llvm::SmallVector<Value> expandAdam(mlir::OpBuilder& b, mlir::Operation* op);

}  // namespace kiln::compiler
