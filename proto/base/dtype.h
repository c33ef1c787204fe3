// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Element types: the one list that graphs, tensors, artifacts and kernels share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln {

/// The element type of a tensor. Values up to 32 are TensorFlow's DataType numbers
/// (`tensorflow/core/framework/types.proto`), so that a GraphDef reads the same in both; Kiln's own start at 1000.
enum class DType : int32_t {
  kInvalid = 0,
  kF32 = 1,
  kF64 = 2,
  kI32 = 3,
  kU8 = 4,
  kI16 = 5,
  kI8 = 6,
  kString = 7,
  kC64 = 8,
  kI64 = 9,
  kBool = 10,
  kBF16 = 14,
  kU16 = 17,
  kC128 = 18,
  kF16 = 19,
  kU32 = 22,
  kU64 = 23,
  kF8E5M2 = 24,
  kF8E4M3FN = 25,
  kF8E4M3FNUZ = 26,
  kF8E5M2FNUZ = 28,
  kI4 = 29,
  kU4 = 30,
  kI2 = 31,
  kU2 = 32,
  kF4E2M1 = 1000,
};

/// Short names for user code: `g.placeholder("x", f32, {...})`.
inline constexpr DType f32 = DType::kF32, f64 = DType::kF64, f16 = DType::kF16, bf16 = DType::kBF16;
inline constexpr DType i8 = DType::kI8, i16 = DType::kI16, i32 = DType::kI32, i64 = DType::kI64;
inline constexpr DType u8 = DType::kU8, u16 = DType::kU16, u32 = DType::kU32, u64 = DType::kU64;
inline constexpr DType boolean = DType::kBool;

/// Returns the size of one element in bits (4 for i4, 8 for bool, 64 for c64); 0 for strings and invalid types.
int bitWidth(DType type);

/// Returns the bytes that `numElements` packed elements take, sub-byte types rounded up to whole bytes.
int64_t byteSize(DType type, int64_t numElements);

/// Returns the name used in text, errors and MLIR: `f32`, `i64`, `bool`, `f8e4m3fn`.
std::string_view toString(DType type);

/// Returns the type with that name. Also accepts NumPy's names (`float32`, `int64`).
std::optional<DType> parseDType(std::string_view name);

bool isFloat(DType type);          ///< f16, bf16, f32, f64, the 8-bit and 4-bit floats.
bool isSignedInteger(DType type);  ///< i2 to i64.
bool isUnsignedInteger(DType type);
bool isInteger(DType type);  ///< Signed or unsigned; bool is no integer.
bool isComplex(DType type);

/// True for the number of a type in the list above (a wire value may be anything).
bool isKnownDType(int32_t number);

/// Maps a C++ type to its DType: `dtypeOf<float>() == f32`.
template <class T>
constexpr DType dtypeOf();
template <>
constexpr DType dtypeOf<float>() {
  return f32;
}
template <>
constexpr DType dtypeOf<double>() {
  return f64;
}
template <>
constexpr DType dtypeOf<int8_t>() {
  return i8;
}
template <>
constexpr DType dtypeOf<int16_t>() {
  return i16;
}
template <>
constexpr DType dtypeOf<int32_t>() {
  return i32;
}
template <>
constexpr DType dtypeOf<int64_t>() {
  return i64;
}
template <>
constexpr DType dtypeOf<uint8_t>() {
  return u8;
}
template <>
constexpr DType dtypeOf<uint16_t>() {
  return u16;
}
template <>
constexpr DType dtypeOf<uint32_t>() {
  return u32;
}
template <>
constexpr DType dtypeOf<uint64_t>() {
  return u64;
}
template <>
constexpr DType dtypeOf<bool>() {
  return boolean;
}

/// What kind of value an edge carries. Only tensors compute today; the others are reserved for imported graphs.
enum class ValueKind : int8_t { kTensor = 0, kSequence = 1, kOptional = 2 };

}  // namespace kiln
