// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Attributes of nodes <-> attributes of ops.
#pragma once

#include "compiler/dialect/constant_pool.h"
#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// int64 -> i64, double -> f64, bool, string, DType -> type, Shape -> #kiln.shape, ints -> dense array, tensor -> by
/// the pool. A string of kind callee becomes a symbol reference: `isSymbol`.
mlir::Attribute toMlir(mlir::MLIRContext* context, const kiln::Attribute& attribute, ConstantPool& pool,
                       bool isSymbol = false);

/// The attributes of an op as its schema names them; those absent are left to the schema's defaults. Tensors come from
/// `pool`, or are left out when it is null.
Attributes attributesOf(const OpSchema& schema, mlir::DictionaryAttr attributes, ConstantPool* pool);
Attributes attributesOf(mlir::Operation* op, ConstantPool* pool);

}  // namespace kiln::compiler
