// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/quantization.h"

#include "graph/io/onnx/convolution_attributes.h"
#include "graph/io/onnx/number_types.h"

namespace kiln::onnx {
namespace {

Value inOrNone(NodeImport& n, int i) { return n.has(i) ? n.in(i) : Value(); }

// The granularity of scales in input 1 for x in input 0. Rows and blocks along an axis whose length is a symbol cannot
// be told apart from what does not fit.
StatusOr<nn::Granularity> granularityOf(NodeImport& n) {
  nn::Granularity granularity{n.integer("axis", 1), n.integer("block_size", 0)};
  const Shape& x = n.shape(0);
  const bool isWhole = n.rank(1) == 0 || n.shape(1).numElements() == Dim(1);
  if (isWhole || x.rank() == 0) {
    return granularity;
  }
  granularity.axis = x.rank() == 1 ? 0 : n.axisOf(granularity.axis, x.rank());
  if (!x[static_cast<int>(granularity.axis)].isStatic()) {
    return n.unsupported("scales along an axis over symbolic lengths");
  }
  return granularity;
}

Status convertQuantizeLinear(NodeImport& n) {
  const int given = elementTypeAttribute(n, "output_dtype", 0);
  const int ofZero = n.has(2) ? n.elementType(2) : 0;
  if (given != 0 && ofZero != 0 && given != ofZero) {
    return n.invalid("output_dtype is " + elementTypeName(given) + ", and the zero point is " +
                     elementTypeName(ofZero));
  }
  const int elementType = ofZero != 0 ? ofZero : given != 0 ? given : TensorProto::UINT8;
  nn::QuantizeOptions options;
  KILN_ASSIGN_OR_RETURN(options.type, numberType(n, elementType));
  if (elementType == TensorProto::FLOAT8E8M0 || !(options.type.narrow || isInteger(options.type.dtype))) {
    return n.invalid("the result would be " + elementTypeName(elementType));
  }
  KILN_ASSIGN_OR_RETURN(options.granularity, granularityOf(n));
  options.saturate = n.integer("saturate", 1) != 0;
  if (const int precision = elementTypeAttribute(n, "precision", 0); precision != 0) {
    KILN_ASSIGN_OR_RETURN(const nn::NumberType type, numberType(n, precision));
    if (type.narrow || !kiln::isFloat(type.dtype)) {
      return n.unsupported("precision " + elementTypeName(precision));
    }
    options.precision = type.dtype;
  }
  if (isStored(n.elementType(0)) || isStored(n.elementType(1))) {
    return n.invalid("x is " + elementTypeName(n.elementType(0)) + " and the scale " +
                     elementTypeName(n.elementType(1)));
  }
  n.set(0, nn::quantizeLinear(n.in(0), n.in(1), inOrNone(n, 2), options), elementType);
  return {};
}

Status convertDequantizeLinear(NodeImport& n) {
  nn::DequantizeOptions options;
  KILN_ASSIGN_OR_RETURN(options.type, numberType(n, n.elementType(0)));
  if (n.elementType(0) == TensorProto::FLOAT8E8M0 || !(options.type.narrow || isInteger(options.type.dtype))) {
    return n.invalid("x is " + elementTypeName(n.elementType(0)));
  }
  if (n.has(2) && n.elementType(2) != n.elementType(0)) {
    return n.invalid("x is " + elementTypeName(n.elementType(0)) + ", and the zero point is " +
                     elementTypeName(n.elementType(2)));
  }
  KILN_ASSIGN_OR_RETURN(options.granularity, granularityOf(n));
  if (n.elementType(1) == TensorProto::FLOAT8E8M0) {
    return n.unsupported("a scale of type float8e8m0");
  }
  if (const int result = elementTypeAttribute(n, "output_dtype", 0); result != 0) {
    KILN_ASSIGN_OR_RETURN(const nn::NumberType type, numberType(n, result));
    if (type.narrow || !kiln::isFloat(type.dtype)) {
      return n.unsupported("output_dtype " + elementTypeName(result));
    }
    options.result = type.dtype;
  }
  n.set(0, nn::dequantizeLinear(n.in(0), n.in(1), inOrNone(n, 2), options));
  return {};
}

Status convertDynamicQuantizeLinear(NodeImport& n) {
  const nn::DynamicQuantizeResult result = nn::dynamicQuantizeLinear(n.in(0));
  n.set(0, result.codes);
  n.set(1, result.scale);
  n.set(2, result.zeroPoint);
  return {};
}

// Matrices and images of integers of 8 bits.
Status checkBytes(NodeImport& n, std::initializer_list<int> inputs) {
  for (int i : inputs) {
    const int type = n.elementType(i);
    if (isFloat8(type)) {
      return n.unsupported("operands of type " + elementTypeName(type));
    }
    if (type != TensorProto::INT8 && type != TensorProto::UINT8) {
      return n.invalid("input " + std::to_string(i) + " is " + elementTypeName(type) + ", wanted int8 or uint8");
    }
  }
  return {};
}

Status convertMatMulInteger(NodeImport& n) {
  KILN_RETURN_IF_ERROR(checkBytes(n, {0, 1}));
  n.set(0, nn::matmulInteger(n.in(0), n.in(1), inOrNone(n, 2), inOrNone(n, 3)));
  return {};
}

Status convertQLinearMatMul(NodeImport& n) {
  KILN_RETURN_IF_ERROR(checkBytes(n, {0, 3, 7}));
  n.set(0,
        nn::quantizedMatmul({n.in(0), n.in(1), inOrNone(n, 2)}, {n.in(3), n.in(4), inOrNone(n, 5)}, n.in(6), n.in(7)));
  return {};
}

Status convertConvInteger(NodeImport& n) {
  KILN_RETURN_IF_ERROR(checkBytes(n, {0, 1}));
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes attributes, convolutionAttributes(n, n.shape(0), n.shape(1)));
  n.set(0, nn::convInteger(n.in(0), n.in(1), attributes.conv(), inOrNone(n, 2), inOrNone(n, 3)));
  return {};
}

Status convertQLinearConv(NodeImport& n) {
  KILN_RETURN_IF_ERROR(checkBytes(n, {0, 3, 7}));
  KILN_ASSIGN_OR_RETURN(const ConvolutionAttributes attributes, convolutionAttributes(n, n.shape(0), n.shape(3)));
  n.set(0, nn::quantizedConv({n.in(0), n.in(1), inOrNone(n, 2)}, {n.in(3), n.in(4), inOrNone(n, 5)}, n.in(6), n.in(7),
                             inOrNone(n, 8), attributes.conv()));
  return {};
}

constexpr Converter kConverters[] = {
    {"QuantizeLinear", convertQuantizeLinear},
    {"DequantizeLinear", convertDequantizeLinear},
    {"DynamicQuantizeLinear", convertDynamicQuantizeLinear},
    {"MatMulInteger", convertMatMulInteger},
    {"QLinearMatMul", convertQLinearMatMul},
    {"ConvInteger", convertConvInteger},
    {"QLinearConv", convertQLinearConv},
};

}  // namespace

std::span<const Converter> quantizationConverters() { return kConverters; }

}  // namespace kiln::onnx
