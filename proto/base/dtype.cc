// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/base/dtype.h"

#include <array>

namespace kiln {
namespace {

enum class Kind { kFloat, kSigned, kUnsigned, kComplex, kOther };

struct Row {
  DType type;
  std::string_view name;
  std::string_view numpyName;
  int bits;
  Kind kind;
};

constexpr std::array kRows = {
    Row{DType::kF32, "f32", "float32", 32, Kind::kFloat},
    Row{DType::kF64, "f64", "float64", 64, Kind::kFloat},
    Row{DType::kF16, "f16", "float16", 16, Kind::kFloat},
    Row{DType::kBF16, "bf16", "bfloat16", 16, Kind::kFloat},
    Row{DType::kI8, "i8", "int8", 8, Kind::kSigned},
    Row{DType::kI16, "i16", "int16", 16, Kind::kSigned},
    Row{DType::kI32, "i32", "int32", 32, Kind::kSigned},
    Row{DType::kI64, "i64", "int64", 64, Kind::kSigned},
    Row{DType::kU8, "u8", "uint8", 8, Kind::kUnsigned},
    Row{DType::kU16, "u16", "uint16", 16, Kind::kUnsigned},
    Row{DType::kU32, "u32", "uint32", 32, Kind::kUnsigned},
    Row{DType::kU64, "u64", "uint64", 64, Kind::kUnsigned},
    Row{DType::kBool, "bool", "bool", 8, Kind::kOther},
    Row{DType::kC64, "c64", "complex64", 64, Kind::kComplex},
    Row{DType::kC128, "c128", "complex128", 128, Kind::kComplex},
    Row{DType::kString, "string", "str", 0, Kind::kOther},
    Row{DType::kF8E5M2, "f8e5m2", "float8_e5m2", 8, Kind::kFloat},
    Row{DType::kF8E4M3FN, "f8e4m3fn", "float8_e4m3fn", 8, Kind::kFloat},
    Row{DType::kF8E4M3FNUZ, "f8e4m3fnuz", "float8_e4m3fnuz", 8, Kind::kFloat},
    Row{DType::kF8E5M2FNUZ, "f8e5m2fnuz", "float8_e5m2fnuz", 8, Kind::kFloat},
    Row{DType::kF4E2M1, "f4e2m1", "float4_e2m1fn", 4, Kind::kFloat},
    Row{DType::kI4, "i4", "int4", 4, Kind::kSigned},
    Row{DType::kU4, "u4", "uint4", 4, Kind::kUnsigned},
    Row{DType::kI2, "i2", "int2", 2, Kind::kSigned},
    Row{DType::kU2, "u2", "uint2", 2, Kind::kUnsigned},
};

const Row* find(DType type) {
  for (const Row& row : kRows) {
    if (row.type == type) {
      return &row;
    }
  }
  return nullptr;
}

bool isKind(DType type, Kind kind) {
  const Row* row = find(type);
  return row != nullptr && row->kind == kind;
}

}  // namespace

int bitWidth(DType type) {
  const Row* row = find(type);
  return row == nullptr ? 0 : row->bits;
}

int64_t byteSize(DType type, int64_t numElements) { return (numElements * bitWidth(type) + 7) / 8; }

std::string_view toString(DType type) {
  const Row* row = find(type);
  return row == nullptr ? "invalid" : row->name;
}

std::optional<DType> parseDType(std::string_view name) {
  for (const Row& row : kRows) {
    if (row.name == name || row.numpyName == name) {
      return row.type;
    }
  }
  return std::nullopt;
}

bool isFloat(DType type) { return isKind(type, Kind::kFloat); }
bool isSignedInteger(DType type) { return isKind(type, Kind::kSigned); }
bool isUnsignedInteger(DType type) { return isKind(type, Kind::kUnsigned); }
bool isInteger(DType type) { return isSignedInteger(type) || isUnsignedInteger(type); }
bool isComplex(DType type) { return isKind(type, Kind::kComplex); }
bool isKnownDType(int32_t number) { return find(static_cast<DType>(number)) != nullptr; }

}  // namespace kiln
