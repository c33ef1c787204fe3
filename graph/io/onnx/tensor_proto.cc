// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/tensor_proto.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "proto/codec/file.h"
#include "proto/codec/tensor_codec.h"
#include "proto/codec/wire_scan.h"

namespace kiln::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes in files are little endian");

// What is to be known of an element type. Index = TensorProto::DataType.
struct ElementType {
  std::string_view name;
  DType storage;  // kInvalid: no kernels.
  int bits;       // In raw_data.
  bool isOwn;     // `storage` means the same as the type itself.
};
constexpr ElementType kElementTypes[] = {
    {"undefined", DType::kInvalid, 0, false},
    {"float", f32, 32, true},
    {"uint8", u8, 8, true},
    {"int8", i8, 8, true},
    {"uint16", u16, 16, true},
    {"int16", i16, 16, true},
    {"int32", i32, 32, true},
    {"int64", i64, 64, true},
    {"string", DType::kInvalid, 0, false},
    {"bool", boolean, 8, true},
    {"float16", f16, 16, true},
    {"double", f64, 64, true},
    {"uint32", u32, 32, true},
    {"uint64", u64, 64, true},
    {"complex64", DType::kInvalid, 64, false},
    {"complex128", DType::kInvalid, 128, false},
    {"bfloat16", bf16, 16, true},
    {"float8e4m3fn", u8, 8, false},
    {"float8e4m3fnuz", u8, 8, false},
    {"float8e5m2", u8, 8, false},
    {"float8e5m2fnuz", u8, 8, false},
    {"uint4", u8, 4, false},
    {"int4", i8, 4, false},
    {"float4e2m1", u8, 4, false},
    {"float8e8m0", u8, 8, false},
    {"uint2", u8, 2, false},
    {"int2", i8, 2, false},
};
constexpr int kNumElementTypes = static_cast<int>(std::size(kElementTypes));
static_assert(kNumElementTypes == TensorProto::INT2 + 1);

const ElementType* infoOf(int elementType) {
  return elementType > 0 && elementType < kNumElementTypes ? &kElementTypes[elementType] : nullptr;
}

// Above what any element count times 64 bits may overflow.
constexpr int64_t kMaxElements = int64_t{1} << 56;
// Far above what any operator takes, and low enough that messages stay readable.
constexpr int kMaxRank = 64;

StatusOr<int64_t> countElements(const std::vector<int64_t>& dims, std::string_view name) {
  if (static_cast<int>(dims.size()) > kMaxRank) {
    return makeError<ErrorId::kP0063>(name,
                                      "it has " + std::to_string(dims.size()) + " dimensions, and 64 are the limit");
  }
  for (int64_t dim : dims) {
    if (dim < 0) {
      return makeError<ErrorId::kP0063>(name, "it has a dimension of " + std::to_string(dim));
    }
  }
  const auto count = checkedNumElements(dims);
  if (!count || *count > kMaxElements) {
    return makeError<ErrorId::kP0063>(
        name, "its shape " + Shape::of(dims).toString() + " has more elements than can be counted");
  }
  return *count;
}

int64_t packedBytes(int64_t count, int bits) {
  return bits >= 8 ? count * (bits / 8) : (count + 8 / bits - 1) / (8 / bits);
}

Status wrongLength(std::string_view name, int elementType, const std::vector<int64_t>& dims, int64_t wanted,
                   int64_t given, const char* unit) {
  return makeError<ErrorId::kP0063>(name, elementTypeName(elementType) + Shape::of(dims).toString() + " takes " +
                                              std::to_string(wanted) + " " + unit + ", and it has " +
                                              std::to_string(given));
}

// `byteAt(i)` gives byte i of the packed elements.
template <class ByteAt>
void unpack(int elementType, int64_t count, uint8_t* out, ByteAt byteAt) {
  const int bits = infoOf(elementType)->bits;
  const int perByte = 8 / bits;
  const bool isSigned = infoOf(elementType)->storage == i8;
  for (int64_t i = 0; i < count; ++i) {
    const auto shifted = static_cast<uint8_t>(byteAt(i / perByte) >> (i % perByte * bits));
    const auto high = static_cast<uint8_t>(shifted << (8 - bits));
    out[i] = isSigned ? static_cast<uint8_t>(static_cast<int8_t>(high) >> (8 - bits))
                      : static_cast<uint8_t>(high >> (8 - bits));
  }
}

// Values that a list holds one by one.
template <class T, class List>
Status copyValues(const List& list, int elementType, std::string_view name, Tensor& tensor) {
  T* out = static_cast<T*>(tensor.mutableData());
  int64_t i = 0;
  for (const auto value : list) {
    if constexpr (std::is_integral_v<T>) {
      if (!std::in_range<T>(value)) {
        return makeError<ErrorId::kP0063>(
            name, "its value " + std::to_string(value) + " is out of range for " + elementTypeName(elementType));
      }
    }
    out[i++] = static_cast<T>(value);
  }
  return {};
}

// Bytes and codes may be written with the sign or without, as the writer's types had it.
template <class Unsigned>
Status copyCodes(const google::protobuf::RepeatedField<int32_t>& list, int elementType, std::string_view name,
                 Unsigned* out) {
  constexpr int32_t kLow = std::numeric_limits<std::make_signed_t<Unsigned>>::min();
  constexpr int32_t kHigh = std::numeric_limits<Unsigned>::max();
  for (int i = 0; i < list.size(); ++i) {
    if (list[i] < kLow || list[i] > kHigh) {
      return makeError<ErrorId::kP0063>(
          name, "its value " + std::to_string(list[i]) + " is no code of " + elementTypeName(elementType));
    }
    out[i] = static_cast<Unsigned>(list[i]);
  }
  return {};
}

StatusOr<Tensor> fromInt32Data(const TensorProto& proto, std::vector<int64_t> dims, int64_t count) {
  const int type = proto.data_type();
  const ElementType& info = *infoOf(type);
  const auto& list = proto.int32_data();
  if (info.bits < 8) {
    std::vector<uint8_t> bytes(static_cast<size_t>(list.size()));
    KILN_RETURN_IF_ERROR(copyCodes(list, type, proto.name(), bytes.data()));
    KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(info.storage, std::move(dims)));
    unpack(type, count, static_cast<uint8_t*>(tensor.mutableData()), [&](int64_t i) { return bytes[i]; });
    return tensor;
  }
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(info.storage, std::move(dims)));
  Status status;
  switch (type) {
    case TensorProto::INT32:
      status = copyValues<int32_t>(list, type, proto.name(), tensor);
      break;
    case TensorProto::INT16:
      status = copyValues<int16_t>(list, type, proto.name(), tensor);
      break;
    case TensorProto::INT8:
      status = copyValues<int8_t>(list, type, proto.name(), tensor);
      break;
    case TensorProto::UINT16:
      status = copyValues<uint16_t>(list, type, proto.name(), tensor);
      break;
    case TensorProto::UINT8:
      status = copyValues<uint8_t>(list, type, proto.name(), tensor);
      break;
    case TensorProto::FLOAT16:
    case TensorProto::BFLOAT16:
      status = copyCodes(list, type, proto.name(), static_cast<uint16_t*>(tensor.mutableData()));
      break;
    default:  // bool and the 8-bit floats
      status = copyCodes(list, type, proto.name(), static_cast<uint8_t*>(tensor.mutableData()));
      normalizeBools(tensor);
  }
  KILN_RETURN_IF_ERROR(status);
  return tensor;
}

// The list in which a message holds values of a type one by one, with its length; "" for none.
struct ValueList {
  std::string_view field;
  int64_t size = 0;
};
ValueList listOf(const TensorProto& proto) {
  switch (proto.data_type()) {
    case TensorProto::FLOAT:
      return {"float_data", proto.float_data_size()};
    case TensorProto::DOUBLE:
      return {"double_data", proto.double_data_size()};
    case TensorProto::INT64:
      return {"int64_data", proto.int64_data_size()};
    case TensorProto::UINT32:
    case TensorProto::UINT64:
      return {"uint64_data", proto.uint64_data_size()};
    default:
      return {"int32_data", proto.int32_data_size()};
  }
}

}  // namespace

StatusOr<DType> storageType(int elementType, std::string_view name) {
  const ElementType* info = infoOf(elementType);
  if (info == nullptr || info->storage == DType::kInvalid) {
    return makeError<ErrorId::kP0064>(name, elementTypeName(elementType));
  }
  return info->storage;
}

int elementTypeOf(DType dtype) {
  for (int type = 1; type < kNumElementTypes; ++type) {
    if (kElementTypes[type].isOwn && kElementTypes[type].storage == dtype) {
      return type;
    }
  }
  return 0;
}

std::string elementTypeName(int elementType) {
  return elementType >= 0 && elementType < kNumElementTypes ? std::string(kElementTypes[elementType].name)
                                                            : "type " + std::to_string(elementType);
}

int parseElementType(std::string_view name) {
  for (int type = 1; type < kNumElementTypes; ++type) {
    if (kElementTypes[type].name == name) {
      return type;
    }
  }
  return name == "float32" ? TensorProto::FLOAT : name == "float64" ? TensorProto::DOUBLE : 0;
}

bool isFloat8(int elementType) {
  return (elementType >= TensorProto::FLOAT8E4M3FN && elementType <= TensorProto::FLOAT8E5M2FNUZ) ||
         elementType == TensorProto::FLOAT8E8M0;
}

bool isNarrowInteger(int elementType) {
  return elementType == TensorProto::UINT4 || elementType == TensorProto::INT4 || elementType == TensorProto::UINT2 ||
         elementType == TensorProto::INT2;
}

bool isStored(int elementType) {
  const ElementType* info = infoOf(elementType);
  return info != nullptr && info->storage != DType::kInvalid && !info->isOwn;
}

StatusOr<Tensor> fromRawData(std::string_view bytes, int elementType, std::vector<int64_t> dims,
                             std::string_view name) {
  KILN_ASSIGN_OR_RETURN(const DType storage, storageType(elementType, name));
  KILN_ASSIGN_OR_RETURN(const int64_t count, countElements(dims, name));
  const int bits = infoOf(elementType)->bits;
  const int64_t wanted = packedBytes(count, bits);
  if (static_cast<int64_t>(bytes.size()) != wanted) {
    return wrongLength(name, elementType, dims, wanted, static_cast<int64_t>(bytes.size()), "bytes");
  }
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(storage, std::move(dims)));
  if (bits < 8) {
    unpack(elementType, count, static_cast<uint8_t*>(tensor.mutableData()),
           [&](int64_t i) { return static_cast<uint8_t>(bytes[static_cast<size_t>(i)]); });
  } else if (wanted > 0) {
    std::memcpy(tensor.mutableData(), bytes.data(), bytes.size());
    normalizeBools(tensor);
  }
  return tensor;
}

StatusOr<Tensor> fromTensorProto(const TensorProto& proto) {
  const std::string& name = proto.name();
  const int type = proto.data_type();
  KILN_RETURN_IF_ERROR(storageType(type, name).status());
  std::vector<int64_t> dims(proto.dims().begin(), proto.dims().end());
  KILN_ASSIGN_OR_RETURN(const int64_t count, countElements(dims, name));
  if (proto.has_segment()) {
    return makeError<ErrorId::kP0063>(name, "it is a segment of a larger tensor");
  }
  if (proto.data_location() == TensorProto::EXTERNAL || proto.has_mapped_length()) {
    return makeError<ErrorId::kP0063>(name, "its data lies elsewhere");
  }
  const ValueList own = listOf(proto);
  const std::pair<std::string_view, int64_t> places[] = {{"raw_data", static_cast<int64_t>(proto.raw_data().size())},
                                                         {"float_data", proto.float_data_size()},
                                                         {"int32_data", proto.int32_data_size()},
                                                         {"int64_data", proto.int64_data_size()},
                                                         {"double_data", proto.double_data_size()},
                                                         {"uint64_data", proto.uint64_data_size()},
                                                         {"string_data", proto.string_data_size()}};
  std::string_view found;
  for (const auto& [field, size] : places) {
    if (size == 0) {
      continue;
    }
    if (!found.empty()) {
      return makeError<ErrorId::kP0063>(
          name, "it has data in two places, " + std::string(found) + " and " + std::string(field));
    }
    if (field != "raw_data" && field != own.field) {
      return makeError<ErrorId::kP0063>(name, elementTypeName(type) + " has its data in " + std::string(own.field) +
                                                  ", and it is in " + std::string(field));
    }
    found = field;
  }
  if (own.size == 0) {  // Nothing at all is right for a tensor without elements.
    return fromRawData(proto.raw_data(), type, std::move(dims), name);
  }
  const int bits = infoOf(type)->bits;
  const int64_t wanted = bits < 8 ? packedBytes(count, bits) : count;
  if (own.size != wanted) {
    return wrongLength(name, type, dims, wanted, own.size, "values");
  }
  if (own.field == "int32_data") {
    return fromInt32Data(proto, std::move(dims), count);
  }
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(infoOf(type)->storage, std::move(dims)));
  switch (type) {
    case TensorProto::FLOAT:
      KILN_RETURN_IF_ERROR(copyValues<float>(proto.float_data(), type, name, tensor));
      break;
    case TensorProto::DOUBLE:
      KILN_RETURN_IF_ERROR(copyValues<double>(proto.double_data(), type, name, tensor));
      break;
    case TensorProto::INT64:
      KILN_RETURN_IF_ERROR(copyValues<int64_t>(proto.int64_data(), type, name, tensor));
      break;
    case TensorProto::UINT32:
      KILN_RETURN_IF_ERROR(copyValues<uint32_t>(proto.uint64_data(), type, name, tensor));
      break;
    default:
      KILN_RETURN_IF_ERROR(copyValues<uint64_t>(proto.uint64_data(), type, name, tensor));
  }
  return tensor;
}

TensorProto toTensorProto(const Tensor& tensor, int elementType, const std::string& name) {
  const ElementType* info = infoOf(elementType);
  KILN_CHECK(info != nullptr && info->storage == tensor.dtype());
  TensorProto proto;
  proto.mutable_dims()->Add(tensor.dims().begin(), tensor.dims().end());
  proto.set_data_type(elementType);
  if (!name.empty()) {
    proto.set_name(name);
  }
  const int64_t count = tensor.numElements();
  if (count == 0) {
    return proto;
  }
  if (info->bits >= 8) {
    proto.set_raw_data(tensor.data(), static_cast<size_t>(tensor.numBytes()));
    return proto;
  }
  const int perByte = 8 / info->bits;
  const auto mask = static_cast<uint8_t>((1 << info->bits) - 1);
  std::string packed(static_cast<size_t>(packedBytes(count, info->bits)), '\0');
  const auto* codes = static_cast<const uint8_t*>(tensor.data());
  for (int64_t i = 0; i < count; ++i) {
    char& byte = packed[static_cast<size_t>(i / perByte)];
    byte = static_cast<char>(static_cast<uint8_t>(byte) | (codes[i] & mask) << (i % perByte * info->bits));
  }
  proto.set_raw_data(std::move(packed));
  return proto;
}

StatusOr<Tensor> readTensorFile(const std::string& path, int elementType) {
  constexpr int64_t kMaxBytes = 2147483647;  // Protobuf has no larger messages.
  constexpr int kMaxDepth = 8;
  KILN_ASSIGN_OR_RETURN(const std::string bytes, readFile(path, kMaxBytes));
  KILN_RETURN_IF_ERROR(
      codec::scanWire(bytes, TensorProto::descriptor(), {kMaxDepth, int64_t{1} << 20}, path, "an ONNX tensor"));
  TensorProto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return makeError<ErrorId::kP0006>(path, "an ONNX tensor", "the parser stops", 0);
  }
  proto.clear_mapped_offset();
  proto.clear_mapped_length();
  if (elementType != 0 && proto.data_type() != elementType) {
    return makeError<ErrorId::kP0066>(path, "elements of type " + elementTypeName(proto.data_type()),
                                      elementTypeName(elementType));
  }
  if (proto.name().empty()) {
    proto.set_name(path);
  }
  return fromTensorProto(proto);
}

Status writeTensorFile(const std::string& path, const Tensor& tensor, int elementType, const std::string& name) {
  std::string bytes;
  if (!toTensorProto(tensor, elementType, name).SerializeToString(&bytes)) {
    return makeError<ErrorId::kP0004>(path, "a protobuf message holds less than 2 GB");
  }
  return writeFileAtomically(path, bytes);
}

}  // namespace kiln::onnx
