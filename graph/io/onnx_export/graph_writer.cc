// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx_export/graph_writer.h"

#include <utility>

#include "graph/io/onnx/tensor_proto.h"

namespace kiln::onnx {
namespace {

// What goes to the data file starts at multiples of this, so that it can be mapped.
constexpr int64_t kDataAlignment = 4096;
// Tensors of fewer bytes stay in the message, whatever its size.
constexpr int64_t kSmallTensorBytes = 1024;

void addEntry(TensorProto& tensor, const std::string& key, const std::string& value) {
  StringStringEntryProto* entry = tensor.add_external_data();
  entry->set_key(key);
  entry->set_value(value);
}

}  // namespace

std::string ModelWriter::freshName(const std::string& wanted) {
  std::string name = wanted;
  while (!names_.insert(name).second) {
    name = wanted + "_" + std::to_string(++nextNumber_[wanted]);
  }
  return name;
}

StatusOr<std::string> ModelWriter::initializer(const std::string& wanted, TensorPtr tensor) {
  if (elementTypeOf(tensor->dtype()) == 0) {
    return makeError<ErrorId::kG0510>("'" + wanted + "'",
                                      "ONNX has no type for " + std::string(toString(tensor->dtype())));
  }
  initializers_.push_back({freshName(wanted), std::move(tensor)});
  return initializers_.back().name;
}

std::string ModelWriter::constant(const Tensor& tensor) {
  std::string key = std::string(toString(tensor.dtype())) + Shape::of(tensor.dims()).toString() + ":";
  key.append(static_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.numBytes()));
  auto [found, isNew] = constants_.try_emplace(std::move(key));
  if (isNew) {
    found->second = freshName("constant");
    initializers_.push_back({found->second, std::make_shared<const Tensor>(tensor)});
  }
  return found->second;
}

void ModelWriter::finish(ExportedModel& model) {
  std::unordered_set<std::string> used;
  const auto collect = [&](auto& self, const GraphProto& graph) -> void {
    for (const NodeProto& node : graph.node()) {
      used.insert(node.input().begin(), node.input().end());
      for (const AttributeProto& attribute : node.attribute()) {
        if (attribute.has_g()) {
          self(self, attribute.g());
        }
      }
    }
    for (const ValueInfoProto& output : graph.output()) {
      used.insert(output.name());
    }
  };
  collect(collect, proto_.graph());
  std::erase_if(initializers_, [&](const Initializer& i) { return !used.contains(i.name); });
  int64_t total = 0;
  for (const Initializer& initializer : initializers_) {
    total += initializer.tensor->numBytes();
  }
  const bool isLarge = total > options_.maxInlineBytes;
  int64_t offset = 0;
  for (const auto& [name, tensor] : initializers_) {
    const int elementType = elementTypeOf(tensor->dtype());
    if (!isLarge || tensor->numBytes() < kSmallTensorBytes) {
      *mainGraph()->add_initializer() = toTensorProto(*tensor, elementType, name);
      continue;
    }
    TensorProto& written = *mainGraph()->add_initializer();
    written.set_name(name);
    written.set_data_type(elementType);
    written.mutable_dims()->Add(tensor->dims().begin(), tensor->dims().end());
    written.set_data_location(TensorProto::EXTERNAL);
    addEntry(written, "location", options_.dataFile);
    addEntry(written, "offset", std::to_string(offset));
    addEntry(written, "length", std::to_string(tensor->numBytes()));
    model.external.push_back({tensor, offset});
    offset = (offset + tensor->numBytes() + kDataAlignment - 1) / kDataAlignment * kDataAlignment;
  }
}

Status setType(ValueInfoProto& info, const std::string& name, const ValueType& type, bool hasSymbols,
               const std::string& what) {
  info.set_name(name);
  TypeProto::Tensor& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(elementTypeOf(type.dtype));
  if (tensor.elem_type() == 0) {
    return makeError<ErrorId::kG0510>(what, "ONNX has no type for " + std::string(toString(type.dtype)));
  }
  TensorShapeProto& shape = *tensor.mutable_shape();
  for (const Dim& dim : type.shape) {
    TensorShapeProto::Dimension& length = *shape.add_dim();
    if (dim.isStatic()) {
      length.set_dim_value(dim.value());
    } else if (hasSymbols) {
      length.set_dim_param(dim.toString());
    }
  }
  return {};
}

}  // namespace kiln::onnx
