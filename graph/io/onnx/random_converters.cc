// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random numbers. They come from the graph's own random state (see ops/random), which every run continues, so the
// attribute `seed` has no effect: ONNX gives no two runtimes the same numbers for a seed.
#include "graph/io/onnx/operands.h"

namespace kiln::onnx {
namespace {

// The type that attribute `dtype` names, `otherwise` without it.
StatusOr<DType> dtypeOf(NodeImport& n, int64_t otherwise) {
  const int64_t elementType = n.integer("dtype", otherwise);
  KILN_RETURN_IF_ERROR(n.status());
  if (elementType < 1 || elementType > 1000) {
    return n.invalid("attribute 'dtype' is " + std::to_string(elementType));
  }
  if (isStored(static_cast<int>(elementType))) {
    return n.unsupported("random numbers of type " + elementTypeName(static_cast<int>(elementType)));
  }
  return storageType(static_cast<int>(elementType), n.proto.output_size() > 0 ? n.proto.output(0) : "");
}

// The same of operators whose random numbers are floats.
StatusOr<DType> floatTypeOf(NodeImport& n, int64_t otherwise) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, dtypeOf(n, otherwise));
  if (!isFloat(dtype)) {
    return n.invalid("its random numbers are of type " + std::string(toString(dtype)) + ", wanted floats");
  }
  return dtype;
}

StatusOr<Shape> shapeAttribute(NodeImport& n) {
  const std::vector<int64_t> lengths = n.ints("shape");
  KILN_RETURN_IF_ERROR(n.status());
  if (!n.hasAttribute("shape") || !checkedNumElements(lengths)) {
    return n.invalid("attribute 'shape' is " + Shape::of(lengths).toString());
  }
  return Shape::of(lengths);
}

Status drawNormal(NodeImport& n, const Shape& shape, int64_t elementType) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, floatTypeOf(n, elementType));
  n.set(0, randomNormal(n.g, shape, dtype, n.number("mean", 0), n.number("scale", 1)));
  return {};
}

Status drawUniform(NodeImport& n, const Shape& shape, int64_t elementType) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, floatTypeOf(n, elementType));
  n.set(0, randomUniform(n.g, shape, dtype, n.number("low", 0), n.number("high", 1)));
  return {};
}

Status convertRandomNormal(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Shape shape, shapeAttribute(n));
  return drawNormal(n, shape, TensorProto::FLOAT);
}

Status convertRandomUniform(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const Shape shape, shapeAttribute(n));
  return drawUniform(n, shape, TensorProto::FLOAT);
}

Status convertRandomNormalLike(NodeImport& n) { return drawNormal(n, n.shape(0), n.elementType(0)); }
Status convertRandomUniformLike(NodeImport& n) { return drawUniform(n, n.shape(0), n.elementType(0)); }

Status convertBernoulli(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, dtypeOf(n, n.elementType(0)));
  if (!isFloat(n.dtype(0)) || isStored(n.elementType(0))) {
    return n.invalid("its probabilities are of type " + elementTypeName(n.elementType(0)) + ", wanted floats");
  }
  n.set(0, randomBernoulli(n.in(0), dtype));
  return {};
}

Status convertMultinomial(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(const DType dtype, dtypeOf(n, TensorProto::INT32));
  const int64_t count = n.integer("sample_size", 1);
  if (dtype != i32 && dtype != i64) {
    return n.invalid("its results are of type " + std::string(toString(dtype)) + ", wanted i32 or i64");
  }
  if (n.rank(0) != 2 || !isFloat(n.dtype(0)) || count < 1) {
    return n.invalid("it draws " + std::to_string(count) + " numbers from " + std::string(toString(n.dtype(0))) +
                     n.shape(0).toString() + ", wanted at least one from a float matrix");
  }
  n.set(0, randomCategorical(n.in(0), count, dtype));
  return {};
}

// Dropout of inference is the identity; of training it keeps an element with the probability 1 - ratio and scales it.
Status convertDropout(NodeImport& n) {
  if (!isFloat(n.dtype(0)) || isStored(n.elementType(0))) {
    return n.invalid("its input is of type " + elementTypeName(n.elementType(0)) + ", wanted floats");
  }
  bool isTraining = false;
  if (n.has(2)) {
    KILN_ASSIGN_OR_RETURN(const int64_t mode, n.integer(2));
    isTraining = mode != 0;
  }
  // The mask of operator sets before 10 has the type of the data.
  const DType maskType = n.integer("kiln_float_mask", 0) != 0 ? n.dtype(0) : boolean;
  if (!isTraining) {
    n.forward(0, 0);
    if (n.wants(1)) {
      n.set(1, full(n.g, n.shape(0), 1, maskType));
    }
    return {};
  }
  const Value x = n.in(0);
  const Value drawn = randomUniform(n.g, n.shape(0), f32);
  // A ratio of 0 keeps every element as it is, and one of 1 keeps none: uniform numbers are in [0, 1).
  const Value ratio = n.has(1) ? cast(n.in(1), f32) : n.g.scalar(0.5, f32);
  const Value scalar = !ratio.isPoisoned() && ratio.rank() > 0 ? reshape(ratio, Shape{}) : ratio;
  const Value mask = greaterEqual(drawn, scalar);
  const Value scale = 1 / (1 - scalar);
  n.set(0, select(mask, inWide(x, [&](Value v) { return v * cast(scale, v.dtype()); }), 0));
  if (n.wants(1)) {
    n.set(1, cast(mask, maskType));
  }
  return {};
}

constexpr Converter kConverters[] = {
    {"Bernoulli", convertBernoulli},
    {"Dropout", convertDropout},
    {"Multinomial", convertMultinomial},
    {"RandomNormal", convertRandomNormal},
    {"RandomNormalLike", convertRandomNormalLike},
    {"RandomUniform", convertRandomUniform},
    {"RandomUniformLike", convertRandomUniformLike},
};

}  // namespace

std::span<const Converter> randomConverters() { return kConverters; }

}  // namespace kiln::onnx
