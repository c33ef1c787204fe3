// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Kiln's own exp, log, tanh, sigmoid and pow, and what is close to them: straight-line code, the same for
/// scalars and vectors of f32 and f64.
#pragma once

#include "compiler/codegen/common/math_builder.h"

namespace kiln::compiler {

/// All handle denormals, infinities, NaN and signed zeros as C's functions do. Errors are in units in the last place
/// (ulp) of the result, over all f32 arguments and sampled f64 ones; they hold with and without fused multiply-add.
mlir::Value emitExp(MathBuilder& m, mlir::Value x);      ///< At most 2 ulp.
mlir::Value emitLog(MathBuilder& m, mlir::Value x);      ///< At most 2 ulp.
mlir::Value emitTanh(MathBuilder& m, mlir::Value x);     ///< At most 2 ulp.
mlir::Value emitSigmoid(MathBuilder& m, mlir::Value x);  ///< At most 4 ulp.
mlir::Value emitExpm1(MathBuilder& m, mlir::Value x);    ///< At most 2 ulp.
mlir::Value emitExp2(MathBuilder& m, mlir::Value x);     ///< At most 2 ulp; exact for whole numbers.
mlir::Value emitLog1p(MathBuilder& m, mlir::Value x);    ///< At most 2 ulp.
/// factor * e^x for |factor| < e^10, at most 3 ulp also where e^x alone is denormal.
mlir::Value emitScaledExp(MathBuilder& m, mlir::Value x, mlir::Value factor);
/// x to the power y in f64, at most 4 ulp. With `forF32` the result is good for rounding to f32 only, and costs half.
mlir::Value emitPow(MathBuilder& m, mlir::Value x, mlir::Value y, bool forF32);

}  // namespace kiln::compiler
