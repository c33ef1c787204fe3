// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/number_types.h"

#include <utility>

namespace kiln::onnx {

StatusOr<nn::NumberType> numberType(const NodeImport& n, int elementType) {
  switch (elementType) {
    case TensorProto::FLOAT8E4M3FN:
      return nn::NarrowType::kF8E4M3FN;
    case TensorProto::FLOAT8E4M3FNUZ:
      return nn::NarrowType::kF8E4M3FNUZ;
    case TensorProto::FLOAT8E5M2:
      return nn::NarrowType::kF8E5M2;
    case TensorProto::FLOAT8E5M2FNUZ:
      return nn::NarrowType::kF8E5M2FNUZ;
    case TensorProto::FLOAT8E8M0:
      return nn::NarrowType::kF8E8M0;
    case TensorProto::FLOAT4E2M1:
      return nn::NarrowType::kF4E2M1;
    case TensorProto::UINT4:
      return nn::NarrowType::kU4;
    case TensorProto::INT4:
      return nn::NarrowType::kI4;
    case TensorProto::UINT2:
      return nn::NarrowType::kU2;
    case TensorProto::INT2:
      return nn::NarrowType::kI2;
    default:
      break;
  }
  const auto dtype = storageType(elementType, "");
  if (!dtype.ok()) {
    return n.unsupported("elements of type " + elementTypeName(elementType));
  }
  return nn::NumberType(*dtype);
}

int elementTypeAttribute(NodeImport& n, std::string_view name, int otherwise) {
  const int64_t value = n.integer(name, otherwise);
  return std::in_range<int>(value) ? static_cast<int>(value) : -1;
}

int bitsOf(const nn::NumberType& type) {
  if (!type.narrow) {
    return bitWidth(type.dtype);
  }
  switch (*type.narrow) {
    case nn::NarrowType::kI2:
    case nn::NarrowType::kU2:
      return 2;
    case nn::NarrowType::kI4:
    case nn::NarrowType::kU4:
    case nn::NarrowType::kF4E2M1:
      return 4;
    default:
      return 8;
  }
}

StatusOr<nn::ConvertOptions> convertOptions(NodeImport& n) {
  nn::ConvertOptions options;
  options.saturate = n.integer("saturate", 1) != 0;
  const std::string mode = n.text("round_mode", "up");
  if (mode == "down") {
    options.powers = nn::PowerRounding::kDown;
  } else if (mode == "nearest") {
    options.powers = nn::PowerRounding::kNearest;
  } else if (mode != "up") {
    return n.invalid("round_mode is '" + mode + "', wanted 'up', 'down' or 'nearest'");
  }
  return options;
}

}  // namespace kiln::onnx
