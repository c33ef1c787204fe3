// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Tensors between TensorProto and graphs, and the types that ONNX has and Kiln's kernels have not.
#pragma once

#include <string>
#include <string_view>

#include "ops/spec/attribute.h"
#include "proto/wire/onnx.pb.h"

namespace kiln::onnx {

/// The type in which a graph holds elements of an ONNX type. Types of less than a byte and the 8-bit floats have a byte
/// for each element: int4 and int2 are i8, uint4 and uint2 u8, and floats of 8 and 4 bits are their codes in u8.
/// Errors: KILN-P0064 for strings and complex numbers; `name` is the tensor's.
StatusOr<DType> storageType(int elementType, std::string_view name);
/// The ONNX type of a graph's type that has one of the same meaning; 0 for others.
int elementTypeOf(DType dtype);
/// `float16`, `int4`; `type 77` for numbers that ONNX does not have.
std::string elementTypeName(int elementType);
/// The number of that type, or 0.
int parseElementType(std::string_view name);

bool isFloat8(int elementType);         ///< The five 8-bit floats.
bool isNarrowInteger(int elementType);  ///< int4, uint4, int2, uint2.
/// Whether a graph holds the type in another one of its own: the narrow integers, 8-bit floats and float4.
bool isStored(int elementType);

/// The values of a tensor that lies in the message itself. Errors: KILN-P0063, P0064.
StatusOr<Tensor> fromTensorProto(const TensorProto& tensor);
/// Bytes as raw_data has them: little-endian, less than a byte packed from the low bits. Errors: KILN-P0063.
StatusOr<Tensor> fromRawData(std::string_view bytes, int elementType, std::vector<int64_t> dims, std::string_view name);
/// The message, with raw_data. `elementType` is what the tensor's elements stand for; its storageType() is their type.
TensorProto toTensorProto(const Tensor& tensor, int elementType, const std::string& name);

/// Reads a file that holds one TensorProto. Errors: as readFile(), scanWire(), fromTensorProto(); KILN-P0066 when
/// `elementType` is not 0 and the tensor's is another.
StatusOr<Tensor> readTensorFile(const std::string& path, int elementType = 0);
/// Errors: KILN-P0004.
Status writeTensorFile(const std::string& path, const Tensor& tensor, int elementType, const std::string& name);

}  // namespace kiln::onnx
