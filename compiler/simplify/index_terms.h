// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Index arithmetic and the ops with attributes that expansions of movement and indexing ops share.
#pragma once

#include <string>

#include "compiler/dialect/op_factory.h"

namespace kiln::compiler {

/// Makes ops at one place. Index values are i64.
struct IndexBuilder {
  mlir::OpBuilder& b;
  mlir::Location loc;

  mlir::NamedAttribute attr(llvm::StringRef name, int64_t value) const {
    return b.getNamedAttr(name, b.getI64IntegerAttr(value));
  }
  mlir::NamedAttribute attr(llvm::StringRef name, bool value) const {
    return b.getNamedAttr(name, b.getBoolAttr(value));
  }
  mlir::NamedAttribute dtypeAttr(DType dtype) const {
    return b.getNamedAttr("dtype", mlir::TypeAttr::get(elementType(b.getContext(), dtype)));
  }

  /// Positions along an axis, and a dim or number everywhere in a shape.
  Value iota(const Shape& shape, int64_t axis) const;
  Value dimIn(const Dim& dim, const Shape& shape) const;
  Value numberIn(int64_t number, const Shape& shape) const;
  /// x, whose shape is the first dims of `shape`, repeated over the others.
  Value spread(Value x, const Shape& shape) const;

  Value gather(Value x, Value indices, int64_t axis, int64_t batchDims, bool allowNegative) const;
  /// `indices` for an axis of length n, counted from 0; those outside [-n, n) end the run.
  Value checked(Value indices, const Dim& n) const;
  /// x with updates combined where gather reads.
  Value scatter(Value x, Value indices, Value updates, int64_t axis, bool allowNegative,
                const std::string& reduction) const;
  Value concat(llvm::ArrayRef<Value> inputs, int64_t axis) const;
  /// x[.., start .. end, ..] on one axis.
  Value sliceOn(Value x, int64_t axis, const Dim& start, const Dim& end) const;
  Value reverse(Value x, int64_t axis) const;
};

/// The product of the dims of axes [begin, end).
Dim productOfDims(const Shape& shape, int begin, int end);
/// The axis counted from the front.
inline int frontAxis(uint64_t axis, int rank) {
  const auto counted = static_cast<int64_t>(axis);
  return static_cast<int>(counted < 0 ? counted + rank : counted);
}

}  // namespace kiln::compiler
