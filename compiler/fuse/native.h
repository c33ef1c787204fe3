// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Which loops and branches become one kernel of straight code, their values in registers.
#pragma once

#include <cstdint>

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// A value of more elements than this stays in memory. A vector register holds 4 to 16 elements and there are 16 or 32
/// of them: well below, nothing is spilled; far above, every step stores and loads what a loop over memory would.
inline constexpr int64_t kMaxNativeElements = 64;
/// The most elements that all carries of one loop have together.
inline constexpr int64_t kMaxNativeCarried = 256;
/// The most work of a nest, each op counted once, in vectors and single elements that are computed or moved: code size
/// and compile time grow with it. A leapfrog step is 20, a product of two 8x8 matrices 512.
inline constexpr int64_t kMaxNativeWork = 2000;

/// True when values of `type` can be held in registers: a static shape of at most kMaxNativeElements floats, integers
/// or bools.
bool fitsRegisters(mlir::Type type);

/// True for an operand that a native kernel reads where it lies, step by step, so that it may be larger: what a loop
/// scans, and what a gather or slice reads from. It comes from outside the kernel then.
bool isReadInPlace(mlir::OpOperand& operand);

/// True for a kiln.loop, kiln.branch or kiln.unwind that becomes one kernel of kind `native`: all values inside fit
/// registers, all ops inside have a form of straight code, and there are not too many. Values from outside may be
/// larger where a row of them is scanned, gathered or sliced. Dims that only the run knows are the lengths of loops,
/// and axes of such larger values, alone. The kernel's body has the nest, and copies of the constants that fit
/// registers and the shape values that it reads from outside; what else it reads are inputs. It writes results while it
/// reads, so that none may lie over an input.
bool runsNatively(mlir::Operation* nest);

}  // namespace kiln::compiler
