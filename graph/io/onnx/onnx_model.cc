// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/onnx_model.h"

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <limits>

#include "graph/io/onnx/external_data.h"
#include "graph/io/onnx/mapped_tensors.h"
#include "graph/io/onnx/model_ports.h"
#include "graph/io/onnx/tensor_proto.h"
#include "graph/io/onnx/upgrade.h"
#include "proto/codec/file.h"
#include "proto/codec/wire_scan.h"

namespace kiln::onnx {
namespace {

constexpr int64_t kNewestIrVersion = 13;
constexpr int64_t kFirstIrVersionWithOpsets = 3;

// Tensors up to this size are parsed with the rest: a page or less saves nothing.
constexpr int64_t kLargestParsedTensor = 4096;
// From this size on a tensor stays in the file whatever its alignment there: a weight, of which a session takes a copy
// byte by byte. A smaller one is copied when it is not aligned, so that kernels can read it where it is.
constexpr size_t kSmallestWeight = size_t{1} << 20;
// What no tensor of a real model has, and fromRawData() refuses.
constexpr size_t kMaxViewRank = 32;

/// The bytes of a model that are there to be mapped, and what keeps them.
struct Source {
  std::shared_ptr<const MappedFile> file;
  std::string_view bytes;
};

// Whether the bytes begin with a field of a model, as every writer of models begins.
bool startsLikeModel(std::string_view bytes) {
  size_t at = 0;
  const uint64_t tag = codec::readVarint(bytes, at, bytes.size()).value_or(0);
  const auto* field = ModelProto::descriptor()->FindFieldByNumber(static_cast<int>(tag >> 3 & 0x1fffffff));
  return field != nullptr &&
         (tag & 7) == (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_INT64 ? 0u : 2u);
}

StatusOr<ModelProto> parseProto(std::string_view bytes, const std::string& file, int64_t largestKept,
                                const ModelLimits& limits) {
  if (bytes.empty()) {
    return makeError<ErrorId::kP0061>(file, "it is empty");
  }
  const codec::ScanLimits scanLimits{limits.maxDepth, limits.maxFields};
  Status scanned = codec::scanWire(bytes, ModelProto::descriptor(), scanLimits, file, "an ONNX model");
  if (!scanned.ok()) {
    return startsLikeModel(bytes) ? scanned
                                  : makeError<ErrorId::kP0061>(file, "its first bytes are no field of a model");
  }
  const auto rest = withoutLargeTensors(bytes, largestKept,
                                        std::min<int64_t>(limits.maxParsedBytes, std::numeric_limits<int>::max()));
  if (!rest) {
    return makeError<ErrorId::kP0003>(file, bytes.size(), limits.maxParsedBytes);
  }
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(rest->data()),
                                                static_cast<int>(rest->size()));
  stream.SetRecursionLimit(limits.maxDepth + 1);
  ModelProto proto;
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return makeError<ErrorId::kP0006>(file, "an ONNX model", "the parser stops", stream.CurrentPosition());
  }
  return proto;
}

bool isStandardDomain(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

Status checkOpsets(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& opsets, const std::string& file) {
  for (const OperatorSetIdProto& opset : opsets) {
    const std::string domain = isStandardDomain(opset.domain()) ? "ai.onnx" : opset.domain();
    if (opset.version() < 1) {
      return makeError<ErrorId::kP0061>(
          file, "it imports version " + std::to_string(opset.version()) + " of the operator set " + domain);
    }
    if (isStandardDomain(opset.domain()) && opset.version() > kNewestOpset) {
      return makeError<ErrorId::kP0062>(file, "operator set " + domain, opset.version(), kNewestOpset);
    }
  }
  return {};
}

Status checkModel(const ModelProto& model, const std::string& file) {
  if (!model.has_graph()) {
    return makeError<ErrorId::kP0061>(file, "there is no graph");
  }
  if (model.ir_version() < 1) {
    return makeError<ErrorId::kP0061>(file, "there is no version of the format (ir_version)");
  }
  if (model.ir_version() > kNewestIrVersion) {
    return makeError<ErrorId::kP0062>(file, "ir_version", model.ir_version(), kNewestIrVersion);
  }
  if (model.opset_import().empty() && model.ir_version() >= kFirstIrVersionWithOpsets) {
    return makeError<ErrorId::kP0061>(file, "it imports no operator set (opset_import)");
  }
  KILN_RETURN_IF_ERROR(checkOpsets(model.opset_import(), file));
  for (const FunctionProto& function : model.functions()) {
    KILN_RETURN_IF_ERROR(checkOpsets(function.opset_import(), file));
  }
  return {};
}

StatusOr<std::shared_ptr<Model::Data>> makeData(ModelProto proto, std::string file, std::string folder) {
  auto data = std::make_shared<Model::Data>();
  data->proto = std::move(proto);
  KILN_RETURN_IF_ERROR(checkModel(data->proto, file));
  KILN_ASSIGN_OR_RETURN(ModelPorts ports, portsOf(data->proto.graph(), file));
  data->inputs = std::move(ports.inputs);
  data->outputs = std::move(ports.outputs);
  data->external = std::make_shared<ExternalFiles>(folder);
  data->file = std::move(file);
  data->folder = std::move(folder);
  return data;
}

// A view of mapped bytes, or a copy where a view would not do.
StatusOr<TensorPtr> mappedTensor(const TensorProto& tensor, std::string_view bytes, std::shared_ptr<const void> owner) {
  const std::string& name = tensor.name();
  if (tensor.has_raw_data() || tensor.float_data_size() > 0 || tensor.int32_data_size() > 0 ||
      tensor.int64_data_size() > 0 || tensor.double_data_size() > 0 || tensor.uint64_data_size() > 0 ||
      tensor.string_data_size() > 0) {
    return makeError<ErrorId::kP0063>(name, "its data are in two places");
  }
  if (tensor.has_segment()) {
    return makeError<ErrorId::kP0063>(name, "it is a segment of a larger tensor");
  }
  const int elementType = tensor.data_type();
  KILN_ASSIGN_OR_RETURN(const DType dtype, storageType(elementType, name));
  std::vector<int64_t> dims(tensor.dims().begin(), tensor.dims().end());
  const bool isAligned =
      reinterpret_cast<uintptr_t>(bytes.data()) % static_cast<size_t>(std::max(bitWidth(dtype) / 8, 1)) == 0;
  // Bytes that are no bool must not be read as one.
  const bool canBeView = dtype != DType::kBool && !isNarrowInteger(elementType) &&
                         elementType != TensorProto::FLOAT4E2M1 && (isAligned || bytes.size() >= kSmallestWeight);
  const auto count = checkedNumElements(dims);
  if (canBeView && dims.size() <= kMaxViewRank && count && *count <= (int64_t{1} << 56) &&
      byteSize(dtype, *count) == static_cast<int64_t>(bytes.size()) && !bytes.empty()) {
    return Tensor::borrowed(dtype, std::move(dims), bytes.data(), std::move(owner));
  }
  KILN_ASSIGN_OR_RETURN(Tensor copy, fromRawData(bytes, elementType, std::move(dims), name));
  return std::make_shared<const Tensor>(std::move(copy));
}

}  // namespace

StatusOr<Model> Model::read(const std::string& path, const ModelLimits& limits) {
  KILN_ASSIGN_OR_RETURN(ReadableFile file, ReadableFile::open(path));
  if (file.numBytes() > limits.maxBytes) {
    return makeError<ErrorId::kP0003>(path, file.numBytes(), limits.maxBytes);
  }
  KILN_ASSIGN_OR_RETURN(auto mapping, file.map());
  KILN_ASSIGN_OR_RETURN(ModelProto proto, parseProto(mapping->bytes(), path, kLargestParsedTensor, limits));
  const size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  KILN_ASSIGN_OR_RETURN(auto data, makeData(std::move(proto), path, std::move(folder)));
  data->bytes = mapping->bytes().data();
  data->numBytes = static_cast<int64_t>(mapping->bytes().size());
  data->mapping = std::move(mapping);
  return Model(std::move(data));
}

StatusOr<Model> Model::parse(std::string bytes, std::string file, std::string folder, const ModelLimits& limits) {
  if (static_cast<int64_t>(bytes.size()) > limits.maxBytes) {
    return makeError<ErrorId::kP0003>(file, bytes.size(), limits.maxBytes);
  }
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  KILN_ASSIGN_OR_RETURN(ModelProto proto, parseProto(bytes, file, kAll, limits));
  KILN_ASSIGN_OR_RETURN(auto data, makeData(std::move(proto), std::move(file), std::move(folder)));
  return Model(std::move(data));
}

StatusOr<TensorPtr> Model::tensor(const TensorProto& tensor) const {
  const bool isExternal = tensor.data_location() == TensorProto::EXTERNAL;
  if (tensor.has_mapped_offset()) {
    if (isExternal) {
      return makeError<ErrorId::kP0063>(tensor.name(), "its data are in two places");
    }
    const int64_t offset = tensor.mapped_offset();
    const int64_t length = tensor.mapped_length();
    KILN_CHECK(offset >= 0 && length >= 0 && offset <= data_->numBytes && length <= data_->numBytes - offset);
    return mappedTensor(tensor, {data_->bytes + offset, static_cast<size_t>(length)}, data_->mapping);
  }
  if (isExternal) {
    KILN_ASSIGN_OR_RETURN(ExternalFiles::Part part, data_->external->find(tensor));
    return mappedTensor(tensor, part.bytes, std::move(part.file));
  }
  KILN_ASSIGN_OR_RETURN(Tensor copy, fromTensorProto(tensor));
  return std::make_shared<const Tensor>(std::move(copy));
}

bool isOnnxPath(const std::string& path) { return path.ends_with(".onnx"); }

}  // namespace kiln::onnx
