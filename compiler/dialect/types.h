// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Tensor types with symbolic shapes: `tensor<?x64xf32, #kiln.shape<[batch, 64]>>`.
#pragma once

#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TensorEncoding.h"
#include "ops/spec/attribute.h"
#include "proto/base/shape.h"

namespace kiln::compiler {

namespace detail {
struct ShapeAttrStorage;
}

/// A shape whose dims may be polynomials over symbols: `#kiln.shape<[batch, 2*batch+1, 64]>`. As the encoding of a
/// tensor type it says what the `?` are; a static shape has no encoding.
class ShapeAttr : public mlir::Attribute::AttrBase<ShapeAttr, mlir::Attribute, detail::ShapeAttrStorage,
                                                   mlir::VerifiableTensorEncoding::Trait> {
 public:
  using Base::Base;
  static constexpr llvm::StringLiteral name = "kiln.shape";

  static ShapeAttr get(mlir::MLIRContext* context, const Shape& shape);
  const Shape& getShape() const;
  /// `[batch, 64]`, the normal form.
  llvm::StringRef getText() const;

  llvm::LogicalResult verifyEncoding(llvm::ArrayRef<int64_t> shape, mlir::Type elementType,
                                     llvm::function_ref<mlir::InFlightDiagnostic()> emitError) const;
};

/// Reads `[batch, 64]`.
StatusOr<Shape> parseShape(std::string_view text);

/// The element type of a dtype: bool is i1, u8 is ui8. Only for dtypes that have one in MLIR.
mlir::Type elementType(mlir::MLIRContext* context, DType dtype);
/// The dtype of an element type, or of the elements of a shaped type; kInvalid for others.
DType dtypeOf(mlir::Type type);

/// The tensor type of a value: static shapes without encoding, symbolic ones with.
mlir::RankedTensorType tensorType(mlir::MLIRContext* context, const ValueType& type);
mlir::RankedTensorType tensorType(mlir::MLIRContext* context, DType dtype, const Shape& shape);
/// The reverse. A `?` without encoding becomes a symbol of its own (`_0` for axis 0).
ValueType valueType(mlir::Type type);
/// The shape alone.
Shape shapeOf(mlir::Type type);

}  // namespace kiln::compiler

MLIR_DECLARE_EXPLICIT_TYPE_ID(::kiln::compiler::ShapeAttr)
