// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The rest of the mathematical functions and the activations that are no formulas.
///
/// What f32 needs is inline code, most of it in f64 with relative errors near 1e-9, so that rounding to f32 is nearly
/// all of the error. What f64 needs and transcendental.h lacks is the host's: kiln_library_t.
#pragma once

#include "compiler/codegen/common/target.h"
#include "llvm/ADT/StringRef.h"
#include "mlir/IR/Builders.h"

namespace kiln::compiler {

/// Where a function is emitted. Thread-compatible, as the builder.
struct FunctionSite {
  mlir::OpBuilder& builder;
  mlir::Location location;
  const TargetInfo& target;
  mlir::Value
      host;  ///< The kiln_context_t of the function being written, or null: then functions that need it are null.
  bool isUnsigned = false;  ///< Integers hold unsigned numbers.
};

/// Emits the function `scalar` (`Sin`, `Gelu`, ...) of f32 or f64 operands. Special values are as in C. Null for an
/// unknown name.
mlir::Value emitSpecialFunction(const FunctionSite& site, llvm::StringRef scalar, mlir::ValueRange operands);

/// The same for those of error_functions.cc: erf and erfc, and the activations x f(x) with an f that falls to 0.
mlir::Value emitErrorFunction(const FunctionSite& site, llvm::StringRef scalar, mlir::ValueRange operands);

/// The same for those of bit_functions.cc, on floats, integers and bools: bits and shifts, rounding to whole numbers,
/// remainders, fma, clamp, copysign, tests.
mlir::Value emitBitFunction(const FunctionSite& site, llvm::StringRef scalar, mlir::ValueRange operands);

/// True for the names that any of these takes.
bool isSpecialFunction(llvm::StringRef scalar);

/// True for functions so long that a kernel calls one copy of them.
bool isLongSpecialFunction(llvm::StringRef scalar);

}  // namespace kiln::compiler
