// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Element types that kernels do not compute with, as bytes that stand for them: integers of 2 and 4 bits, floats
/// of 4 and 8 bits. Each element has a byte: i8 for kI2 and kI4, u8 for the others, in the low bits.
#pragma once

#include <optional>
#include <string>

#include "graph/build/operations.h"

namespace kiln::nn {

enum class NarrowType {
  kI2,
  kU2,
  kI4,
  kU4,
  kF4E2M1,      ///< OCP MX: no infinity, no NaN, largest 6.
  kF8E4M3FN,    ///< Micikevicius et al., FP8 Formats for Deep Learning, 2022: no infinity, largest 448.
  kF8E4M3FNUZ,  ///< Noune et al., 8-bit Numerical Formats for Deep Neural Networks, 2022: one zero, largest 240.
  kF8E5M2,      ///< As f16 with 2 bits of significand: infinities, largest 57344.
  kF8E5M2FNUZ,  ///< One zero, no infinity, largest 57344.
  kF8E8M0,      ///< OCP MX: powers of two from 2^-127 to 2^127, and NaN; no sign, no zero.
};

bool isFloat(NarrowType type);
/// i8 or u8.
DType storageOf(NarrowType type);

/// What the elements of a tensor are: a type that kernels compute with, or bytes that stand for a narrow one.
struct NumberType {
  NumberType(DType type) : dtype(type) {}                                // NOLINT: a dtype is a number type
  NumberType(NarrowType type) : dtype(storageOf(type)), narrow(type) {}  // NOLINT: and so is a narrow one
  DType dtype;
  std::optional<NarrowType> narrow;
  bool operator==(const NumberType&) const = default;
};
/// Whether the elements stand for floats.
bool isFloat(const NumberType& type);
/// The smallest and largest number of an integer type of up to 32 bits.
struct IntegerRange {
  int64_t low = 0, high = 0;
};
IntegerRange rangeOf(const NumberType& type);

/// How numbers become codes of kF8E8M0: away from zero, toward zero, or to the nearest power of two with ties up.
enum class PowerRounding { kUp, kDown, kNearest };

struct ConvertOptions {
  /// Numbers beyond the range of an 8-bit float become its largest. Otherwise infinity, or NaN where there is none; for
  /// kF8E8M0 also those below the range.
  bool saturate = true;
  PowerRounding powers = PowerRounding::kUp;
};

/// The codes of `type`, a float, nearest to numeric x, ties to even, rounded once; kF8E8M0 as the options say, with the
/// sign left out. kF4E2M1 saturates always and has -0 for NaN. All by integer arithmetic, elementwise; not
/// differentiable.
Value encodeFloat(Operand x, NarrowType type, const ConvertOptions& options = {});
/// The floats of type f32 that codes of `type` stand for, exactly.
Value decodeFloat(Operand codes, NarrowType type);
/// The low bits of numeric x as a narrow integer, as ONNX Cast has it; floats are truncated toward zero first.
Value wrapInteger(Operand x, NarrowType type);

/// x, whose elements are `from`, as elements of `to` (ONNX Cast): floats to integers truncate toward zero, integers to
/// integers keep the low bits, to bool is `!= 0`. The result is differentiable between floats that kernels compute
/// with.
Value convert(Operand x, const NumberType& from, const NumberType& to, const ConvertOptions& options = {});

}  // namespace kiln::nn
