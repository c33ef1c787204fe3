// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/number_types.h"

namespace kiln::onnx {
namespace {

Status castTo(NodeImport& n, int to) {
  KILN_ASSIGN_OR_RETURN(const nn::NumberType source, numberType(n, n.elementType(0)));
  KILN_ASSIGN_OR_RETURN(const nn::NumberType target, numberType(n, to));
  KILN_ASSIGN_OR_RETURN(const nn::ConvertOptions options, convertOptions(n));
  if (source == target) {
    n.forward(0, 0);
    return {};
  }
  n.set(0, nn::convert(n.in(0), source, target, options), to);
  return {};
}

Status convertCast(NodeImport& n) {
  if (!n.hasAttribute("to")) {
    return n.invalid("attribute 'to' is missing");
  }
  return castTo(n, elementTypeAttribute(n, "to", 0));
}

Status convertCastLike(NodeImport& n) { return castTo(n, n.elementType(1)); }

Status convertBitCast(NodeImport& n) {
  if (!n.hasAttribute("to")) {
    return n.invalid("attribute 'to' is missing");
  }
  const int to = elementTypeAttribute(n, "to", 0);
  KILN_ASSIGN_OR_RETURN(const nn::NumberType source, numberType(n, n.elementType(0)));
  KILN_ASSIGN_OR_RETURN(const nn::NumberType target, numberType(n, to));
  if (bitsOf(source) != bitsOf(target)) {
    return n.invalid("elements of " + elementTypeName(n.elementType(0)) + " have another width than those of " +
                     elementTypeName(to));
  }
  const Value x = n.in(0);
  if (bitsOf(source) < 8) {
    // Integers have their sign extended, and codes of floats have not.
    const bool isFloat4 = target.narrow == nn::NarrowType::kF4E2M1;
    n.set(0, nn::wrapInteger(x, isFloat4 ? nn::NarrowType::kU4 : *target.narrow), to);
  } else if (source.dtype == target.dtype) {
    n.set(0, x, to);
  } else if (source.dtype == boolean || target.dtype == boolean) {
    // A bool is the byte 0 or 1.
    const Value byte = source.dtype == boolean ? cast(x, u8) : x;
    n.set(0, target.dtype == boolean ? cast(byte, boolean) : target.dtype == i8 ? bitcast(byte, i8) : byte, to);
  } else {
    n.set(0, bitcast(x, target.dtype), to);
  }
  return {};
}

constexpr Converter kConverters[] = {
    {"Cast", convertCast},
    {"CastLike", convertCastLike},
    {"BitCast", convertBitCast},
};

}  // namespace

std::span<const Converter> castConverters() { return kConverters; }

}  // namespace kiln::onnx
