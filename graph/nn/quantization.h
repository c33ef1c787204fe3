// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Linear quantization, as ONNX has it: a real number is (code - zero point) * scale. All functions work with
/// symbolic lengths but along blocked axes.
#pragma once

#include "graph/nn/narrow_types.h"

namespace kiln::nn {

/// Which elements share a scale and a zero point: all, when the scale has one element; those of a row along `axis`,
/// when it has rank 1; runs of `blockSize` elements along `axis`, when that is not 0 and the scale has the shape of x
/// with ceil(length / blockSize) along `axis`. A tensor of rank 1 has only one axis.
struct Granularity {
  int64_t axis = 1;
  int64_t blockSize = 0;
};

struct QuantizeOptions {
  NumberType type = u8;  ///< Of the result: integers of up to 16 bits, or a narrow type but kF8E8M0.
  Granularity granularity = {};
  bool saturate = true;               ///< As ConvertOptions have it.
  DType precision = DType::kInvalid;  ///< Of the division; by default that of scale, f64 for an integer one.
};

/// saturate(round(x / scale) + zeroPoint), rounded to nearest, ties to even; NaN becomes the zero point. For floats the
/// code nearest to x / scale, where the zero point is 0; kF4E2M1 adds its zero point before rounding. x is numeric; the
/// zero point, of the result's type, may be left out (a Value of no builder). Errors: KILN-G0512.
Value quantizeLinear(Value x, Value scale, Value zeroPoint, const QuantizeOptions& options = {},
                     std::source_location where = std::source_location::current());

struct DequantizeOptions {
  NumberType type = u8;  ///< Of x and the zero point: integers of up to 32 bits, or a narrow type but kF8E8M0.
  Granularity granularity = {};
  DType result = DType::kInvalid;  ///< That of scale by default.
};

/// (x - zeroPoint) * scale, computed in f32, or f64 when scale or result is, and rounded to the result's type. The zero
/// point may be left out. Differentiable in scale. Errors: KILN-G0512.
Value dequantizeLinear(Value x, Value scale, Value zeroPoint, const DequantizeOptions& options = {},
                       std::source_location where = std::source_location::current());

struct DynamicQuantizeResult {
  Value codes;             ///< u8, of the shape of x.
  Value scale, zeroPoint;  ///< f32 and u8 scalars.
};
/// f32 x quantized over the range that it has, which is extended to include 0 (ONNX DynamicQuantizeLinear). The scale
/// of zeros is 1. Errors: KILN-G0512.
DynamicQuantizeResult dynamicQuantizeLinear(Value x, std::source_location where = std::source_location::current());

/// (a - aZero) @ (b - bZero) in i32, which wraps around, for a and b of 8 or 16 bits, by the rules of numpy.matmul.
/// Zero points may be left out; they are scalars, vectors with an element for each row of a or column of b, or of a
/// shape that broadcasts with the operand. Errors: KILN-G0512.
Value matmulInteger(Value a, Value b, Value aZero = {}, Value bZero = {},
                    std::source_location where = std::source_location::current());

/// A quantized operand: codes with scale and zero point (which may be left out).
struct Quantized {
  Value codes, scale, zeroPoint;
};

/// The quantized product of quantized matrices: matmulInteger() times a.scale * b.scale / scale, as i8 or u8, the type
/// of `zeroPoint`. The multiplier is computed in the type of the scales, the product in f32. Scales are as zero points
/// of matmulInteger(), and those of the result are a's. Errors: KILN-G0512.
Value quantizedMatmul(const Quantized& a, const Quantized& b, Value scale, Value zeroPoint,
                      std::source_location where = std::source_location::current());

/// Convolution of x - xZero, padded with zeros, with filter - filterZero in i32, for operands of 8 bits. The zero
/// point of the filter is a scalar or has an element for each result channel; both may be left out. Errors: KILN-G0512,
/// and those of conv().
Value convInteger(Value x, Value filter, const ConvOptions& options, Value xZero = {}, Value filterZero = {},
                  std::source_location where = std::source_location::current());

/// The quantized convolution, as i8 or u8, the type of `zeroPoint`. `bias` [results] is i32 with the scale x.scale *
/// filter.scale and may be left out. The scale of the filter is a scalar or has an element for each result channel. The
/// layouts of `options` must be given. Errors: KILN-G0512, and those of conv().
Value quantizedConv(const Quantized& x, const Quantized& filter, Value scale, Value zeroPoint, Value bias,
                    const ConvOptions& options, std::source_location where = std::source_location::current());

}  // namespace kiln::nn
