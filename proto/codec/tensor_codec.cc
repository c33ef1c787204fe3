// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "proto/codec/tensor_codec.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string>

namespace kiln {
namespace {

static_assert(std::endian::native == std::endian::little, "tensor bytes in files are little endian");
static_assert(static_cast<int>(DType::kF32) == wire::DT_FLOAT && static_cast<int>(DType::kF64) == wire::DT_DOUBLE &&
              static_cast<int>(DType::kI32) == wire::DT_INT32 && static_cast<int>(DType::kU8) == wire::DT_UINT8 &&
              static_cast<int>(DType::kI16) == wire::DT_INT16 && static_cast<int>(DType::kI8) == wire::DT_INT8 &&
              static_cast<int>(DType::kString) == wire::DT_STRING &&
              static_cast<int>(DType::kC64) == wire::DT_COMPLEX64 && static_cast<int>(DType::kI64) == wire::DT_INT64 &&
              static_cast<int>(DType::kBool) == wire::DT_BOOL && static_cast<int>(DType::kBF16) == wire::DT_BFLOAT16 &&
              static_cast<int>(DType::kU16) == wire::DT_UINT16 &&
              static_cast<int>(DType::kC128) == wire::DT_COMPLEX128 && static_cast<int>(DType::kF16) == wire::DT_HALF &&
              static_cast<int>(DType::kU32) == wire::DT_UINT32 && static_cast<int>(DType::kU64) == wire::DT_UINT64 &&
              static_cast<int>(DType::kF8E5M2) == wire::DT_FLOAT8_E5M2 &&
              static_cast<int>(DType::kF8E4M3FN) == wire::DT_FLOAT8_E4M3FN &&
              static_cast<int>(DType::kF8E4M3FNUZ) == wire::DT_FLOAT8_E4M3FNUZ &&
              static_cast<int>(DType::kF8E5M2FNUZ) == wire::DT_FLOAT8_E5M2FNUZ &&
              static_cast<int>(DType::kI4) == wire::DT_INT4 && static_cast<int>(DType::kU4) == wire::DT_UINT4 &&
              static_cast<int>(DType::kI2) == wire::DT_INT2 && static_cast<int>(DType::kU2) == wire::DT_UINT2 &&
              static_cast<int>(DType::kF4E2M1) == wire::DT_FLOAT4_E2M1FN);

std::string textOf(std::span<const int64_t> dims) { return Shape::of({dims.begin(), dims.end()}).toString(); }

// Far above what any op takes, and low enough that messages stay readable.
constexpr int kMaxRank = 64;

Status checkRank(const wire::TensorShapeProto& shape) {
  if (shape.unknown_rank()) {
    return makeError<ErrorId::kP0032>("its rank is unknown");
  }
  if (shape.dim_size() > kMaxRank) {
    return makeError<ErrorId::kP0032>("it has " + std::to_string(shape.dim_size()) +
                                      " dimensions, and 64 are the limit");
  }
  return absl::OkStatus();
}

StatusOr<std::vector<int64_t>> staticDims(const wire::TensorShapeProto& shape) {
  KILN_RETURN_IF_ERROR(checkRank(shape));
  std::vector<int64_t> dims;
  for (const auto& dim : shape.dim()) {
    if (dim.size() < 0) {
      return makeError<ErrorId::kP0032>("dimension " + std::to_string(dims.size()) + " is " +
                                        (dim.name().empty() ? std::to_string(dim.size()) : "'" + dim.name() + "'"));
    }
    dims.push_back(dim.size());
  }
  return dims;
}

// The values that a TensorProto lists, of which the last fills the rest of the tensor; without any, zeros do.
class Filler {
 public:
  Filler(const wire::TensorProto& proto, DType dtype, std::vector<int64_t> dims, ExpansionBudget& budget)
      : proto_(proto), dtype_(dtype), dims_(std::move(dims)), budget_(budget) {}

  StatusOr<Tensor> run() {
    switch (dtype_) {
      case DType::kF32:
        return fill<float>(proto_.float_val());
      case DType::kF64:
        return fill<double>(proto_.double_val());
      case DType::kI8:
        return fill<int8_t>(proto_.int_val());
      case DType::kI16:
        return fill<int16_t>(proto_.int_val());
      case DType::kI32:
        return fill<int32_t>(proto_.int_val());
      case DType::kU8:
        return fill<uint8_t>(proto_.int_val());
      case DType::kU16:
        return fill<uint16_t>(proto_.int_val());
      case DType::kI64:
        return fill<int64_t>(proto_.int64_val());
      case DType::kU32:
        return fill<uint32_t>(proto_.uint32_val());
      case DType::kU64:
        return fill<uint64_t>(proto_.uint64_val());
      case DType::kBool:
        return fill<uint8_t>(proto_.bool_val());
      case DType::kF16:
      case DType::kBF16:
        return fill<uint16_t>(proto_.half_val());
      case DType::kC64:
        return fill<float>(proto_.scomplex_val(), 2);
      case DType::kC128:
        return fill<double>(proto_.dcomplex_val(), 2);
      case DType::kF8E5M2:
      case DType::kF8E4M3FN:
      case DType::kF8E4M3FNUZ:
      case DType::kF8E5M2FNUZ:
        return fill<uint8_t>(bytesOf(proto_.float8_val()));
      default:
        return makeError<ErrorId::kP0031>(toString(dtype_));
    }
  }

 private:
  static std::span<const uint8_t> bytesOf(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }

  // `width` values make an element.
  template <class T, class List>
  StatusOr<Tensor> fill(const List& values, int64_t width = 1) {
    int64_t wanted = *checkedNumElements(dims_);
    int64_t given = static_cast<int64_t>(values.size());
    if (given % width != 0 || given / width > wanted) {
      return makeError<ErrorId::kP0033>(toString(dtype_), textOf(dims_), std::to_string(wanted * width) + " values",
                                        std::to_string(given));
    }
    int64_t repeated = byteSize(dtype_, wanted - given / width);
    if (given / width < wanted && repeated > kFreeBytes) {
      if (repeated > budget_.bytesLeft) {
        return makeError<ErrorId::kP0034>(toString(dtype_), textOf(dims_), repeated,
                                          std::max<int64_t>(budget_.bytesLeft, 0));
      }
      budget_.bytesLeft -= repeated;
    }
    KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype_, dims_));
    T* out = static_cast<T*>(tensor.mutableData());
    for (int64_t i = 0; i < given; ++i) {
      auto value = values[static_cast<int>(i)];
      if constexpr (std::is_integral_v<T>) {
        if (!std::in_range<T>(toInteger(value))) {
          return makeError<ErrorId::kP0035>(value, toString(dtype_));
        }
      }
      out[i] = static_cast<T>(value);
    }
    for (int64_t i = given; given > 0 && i < wanted * width; ++i) {
      out[i] = out[i - width];
    }
    return tensor;
  }

  // std::in_range takes no bool.
  template <class V>
  static auto toInteger(V value) {
    if constexpr (std::is_same_v<V, bool>) {
      return static_cast<int>(value);
    } else {
      return value;
    }
  }

  // Small tensors of one value are common and cost no more than the message that holds them.
  static constexpr int64_t kFreeBytes = 64;

  const wire::TensorProto& proto_;
  DType dtype_;
  std::vector<int64_t> dims_;
  ExpansionBudget& budget_;
};

}  // namespace

StatusOr<Tensor> tensorFromProto(const wire::TensorProto& proto, ExpansionBudget& budget) {
  auto dtype = static_cast<DType>(proto.dtype());
  if (!isKnownDType(proto.dtype()) || bitWidth(dtype) == 0) {
    return makeError<ErrorId::kP0031>(isKnownDType(proto.dtype()) ? std::string(toString(dtype))
                                                                  : "number " + std::to_string(proto.dtype()));
  }
  KILN_ASSIGN_OR_RETURN(std::vector<int64_t> dims, staticDims(proto.tensor_shape()));
  auto count = checkedNumElements(dims);
  if (!count || *count > (int64_t{1} << 56)) {
    return makeError<ErrorId::kP0022>(textOf(dims));
  }
  if (*count == 0 && proto.tensor_content().empty()) {
    return Tensor::allocate(dtype, std::move(dims));
  }
  if (proto.tensor_content().empty()) {
    return Filler(proto, dtype, std::move(dims), budget).run();
  }
  int64_t numBytes = byteSize(dtype, *count);
  if (static_cast<int64_t>(proto.tensor_content().size()) != numBytes) {
    return makeError<ErrorId::kP0033>(toString(dtype), textOf(dims), std::to_string(numBytes) + " bytes",
                                      std::to_string(proto.tensor_content().size()));
  }
  KILN_ASSIGN_OR_RETURN(Tensor tensor, Tensor::allocate(dtype, std::move(dims)));
  std::memcpy(tensor.mutableData(), proto.tensor_content().data(), static_cast<size_t>(numBytes));
  normalizeBools(tensor);
  return tensor;
}

void tensorToProto(const TensorView& tensor, wire::TensorProto* proto) {
  proto->Clear();
  proto->set_dtype(static_cast<wire::DataType>(tensor.dtype));
  shapeToProto(Shape::of({tensor.dims.begin(), tensor.dims.end()}), proto->mutable_tensor_shape());
  if (tensor.numBytes() > 0) {
    proto->set_tensor_content(tensor.data, static_cast<size_t>(tensor.numBytes()));
  }
}

StatusOr<Shape> shapeFromProto(const wire::TensorShapeProto& proto) {
  KILN_RETURN_IF_ERROR(checkRank(proto));
  Shape shape;
  for (const auto& dim : proto.dim()) {
    if (dim.size() >= 0) {
      shape.push_back(dim.size());
    } else if (dim.size() == -1 && !dim.name().empty()) {
      KILN_ASSIGN_OR_RETURN(Dim parsed, Dim::parse(dim.name()));
      shape.push_back(std::move(parsed));
    } else {
      return makeError<ErrorId::kP0014>(shape.rank(),
                                        std::to_string(dim.size()) + (dim.name().empty() ? " without a name" : ""));
    }
  }
  return shape;
}

void shapeToProto(const Shape& shape, wire::TensorShapeProto* proto) {
  proto->Clear();
  for (const Dim& dim : shape) {
    auto* out = proto->add_dim();
    out->set_size(dim.isStatic() ? dim.value() : -1);
    if (!dim.isStatic()) {
      out->set_name(dim.toString());
    }
  }
}

}  // namespace kiln
