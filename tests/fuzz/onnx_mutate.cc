// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tests/fuzz/onnx_mutate.h"

#include <google/protobuf/reflection.h>

#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>

namespace kiln::fuzz {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using onnx::AttributeProto;
using onnx::GraphProto;
using onnx::ModelProto;
using onnx::NodeProto;
using onnx::TensorProto;

constexpr int64_t kIntegers[] = {0,
                                 1,
                                 2,
                                 3,
                                 -1,
                                 -2,
                                 7,
                                 16,
                                 17,
                                 64,
                                 127,
                                 255,
                                 1000,
                                 65536,
                                 int64_t{1} << 20,
                                 100'000'000,
                                 INT32_MAX,
                                 int64_t{1} << 31,
                                 int64_t{1} << 40,
                                 int64_t{1} << 62,
                                 INT64_MAX,
                                 INT64_MIN,
                                 INT64_MIN + 1,
                                 -(int64_t{1} << 40)};

constexpr const char* kTexts[] = {"",
                                  "x",
                                  "y",
                                  "no such name",
                                  "../outside.bin",
                                  "/etc/hostname",
                                  "a/../../b",
                                  ".",
                                  "weights.bin",
                                  "-1",
                                  "18446744073709551615",
                                  "linear",
                                  "reflect",
                                  "cubic",
                                  "bidirectional",
                                  "SAME_UPPER",
                                  "...ij,...jk->...ik",
                                  "iiiiiiiiiiiiiiiiiiiii->i",
                                  "max(n, 2)*n*n*n*n*n*n",
                                  "floor_div(n, 0)"};

// Names of attributes, so that added ones meet an operator that reads them.
constexpr const char* kAttributes[] = {"axis",
                                       "axes",
                                       "perm",
                                       "to",
                                       "pads",
                                       "strides",
                                       "dilations",
                                       "kernel_shape",
                                       "group",
                                       "mode",
                                       "keepdims",
                                       "allowzero",
                                       "equation",
                                       "hidden_size",
                                       "direction",
                                       "block_size",
                                       "blocksize",
                                       "alpha",
                                       "beta",
                                       "epsilon",
                                       "num_heads",
                                       "auto_pad",
                                       "ceil_mode",
                                       "output_shape",
                                       "num_outputs",
                                       "largest",
                                       "k",
                                       "value",
                                       "output_padding",
                                       "q_num_heads",
                                       "kv_num_heads",
                                       "body",
                                       "then_branch",
                                       "num_scan_inputs",
                                       "size",
                                       "bias",
                                       "seed",
                                       "dtype",
                                       "value_ints",
                                       "shape"};

}  // namespace

int64_t OnnxMutator::anyInteger() {
  return below(3) == 0 ? static_cast<int64_t>(below(SIZE_MAX)) >> below(64) : kIntegers[below(std::size(kIntegers))];
}

double OnnxMutator::anyNumber() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const double numbers[] = {0, 1, -1, 0.5, 1e9, 1e38, -1e38, 1e-45, kInfinity, -kInfinity, std::nan("")};
  return numbers[below(std::size(numbers))];
}

std::string OnnxMutator::anyText() { return kTexts[below(std::size(kTexts))]; }

void OnnxMutator::setOperator(NodeProto& node) {
  const std::string& op = ops_[below(ops_.size())];
  const size_t colon = op.find(':');
  node.set_domain(op.substr(0, colon));
  node.set_op_type(op.substr(colon + 1));
}

Message& OnnxMutator::anyMessage(Message& root) {
  Message* at = &root;
  while (true) {
    std::vector<const FieldDescriptor*> fields, messages;
    at->GetReflection()->ListFields(*at, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        messages.push_back(field);
      }
    }
    if (messages.empty() || (at != &root && below(4) == 0)) {
      return *at;
    }
    const FieldDescriptor* field = messages[below(messages.size())];
    const auto* reflection = at->GetReflection();
    at = field->is_repeated()
             ? reflection->MutableRepeatedMessage(
                   at, field, static_cast<int>(below(static_cast<size_t>(reflection->FieldSize(*at, field)))))
             : reflection->MutableMessage(at, field);
  }
}

void OnnxMutator::damageField(Message& message) {
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  if (fields.empty() || below(8) == 0) {
    const auto* type = message.GetDescriptor();
    fields = {type->field(static_cast<int>(below(static_cast<size_t>(type->field_count()))))};
  }
  const FieldDescriptor* field = fields[below(fields.size())];
  if (below(4) == 0) {
    reflection->ClearField(&message, field);
    return;
  }
  if (field->is_repeated()) {
    const int size = reflection->FieldSize(message, field);
    if (size > 1 && below(2) == 0) {
      reflection->SwapElements(&message, field, static_cast<int>(below(static_cast<size_t>(size))),
                               static_cast<int>(below(static_cast<size_t>(size))));
    } else if (size > 0 && below(2) == 0) {
      reflection->RemoveLast(&message, field);
    }
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      field->is_repeated() ? reflection->AddInt64(&message, field, anyInteger())
                           : reflection->SetInt64(&message, field, anyInteger());
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      field->is_repeated()
          ? reflection->AddInt32(&message, field, static_cast<int32_t>(anyInteger()))
          : reflection->SetInt32(&message, field, static_cast<int32_t>(below(2) == 0 ? below(28) : anyInteger()));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      field->is_repeated() ? reflection->AddUInt64(&message, field, static_cast<uint64_t>(anyInteger()))
                           : reflection->SetUInt64(&message, field, static_cast<uint64_t>(anyInteger()));
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      field->is_repeated() ? reflection->AddFloat(&message, field, static_cast<float>(anyNumber()))
                           : reflection->SetFloat(&message, field, static_cast<float>(anyNumber()));
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      field->is_repeated() ? reflection->AddDouble(&message, field, anyNumber())
                           : reflection->SetDouble(&message, field, anyNumber());
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto* values = field->enum_type();
      reflection->SetEnum(&message, field,
                          values->value(static_cast<int>(below(static_cast<size_t>(values->value_count())))));
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING:
      field->is_repeated() ? reflection->AddString(&message, field, anyText())
                           : reflection->SetString(&message, field, anyText());
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field->is_repeated() && reflection->FieldSize(message, field) > 0) {
        const Message& other = reflection->GetRepeatedMessage(
            message, field, static_cast<int>(below(static_cast<size_t>(reflection->FieldSize(message, field)))));
        const std::unique_ptr<Message> copy(other.New());
        copy->CopyFrom(other);
        reflection->AddMessage(&message, field)->CopyFrom(*copy);
      } else if (!field->is_repeated()) {
        reflection->MutableMessage(&message, field);
      }
      break;
    default:
      break;
  }
}

NodeProto* OnnxMutator::anyNode(ModelProto& model) {
  auto* nodes = model.mutable_graph()->mutable_node();
  if (model.functions_size() > 0 && below(3) == 0) {
    nodes = any(*model.mutable_functions()).mutable_node();
  }
  if (nodes->empty()) {
    return nullptr;
  }
  NodeProto* node = &any(*nodes);
  while (below(2) == 0) {
    GraphProto* body = nullptr;
    for (AttributeProto& attribute : *node->mutable_attribute()) {
      body = attribute.has_g() && attribute.g().node_size() > 0 ? attribute.mutable_g() : body;
    }
    if (body == nullptr) {
      break;
    }
    node = &any(*body->mutable_node());
  }
  return node;
}

void OnnxMutator::damageTensor(TensorProto& tensor) {
  switch (below(7)) {
    case 0:
      tensor.clear_dims();
      for (size_t i = 0, count = 1 + below(4); i < count; ++i) {
        tensor.add_dims(int64_t{1} << (16 + below(32)));
      }
      break;
    case 1:
      tensor.add_dims(anyInteger());
      break;
    case 2:
      tensor.set_data_type(static_cast<int32_t>(below(29)));
      break;
    case 3: {
      // Lengths, axes and indices are most often the data of small integer tensors.
      const int64_t value = anyInteger();
      if (tensor.int64_data_size() > 0) {
        any(*tensor.mutable_int64_data()) = value;
      } else if (tensor.raw_data().size() >= sizeof(value)) {
        std::memcpy(tensor.mutable_raw_data()->data(), &value, sizeof(value));
      }
      break;
    }
    case 4:
      tensor.mutable_raw_data()->resize(below(2 * tensor.raw_data().size() + 8));
      break;
    case 5: {
      constexpr const char* kKeys[] = {"location", "offset", "length", "checksum"};
      tensor.set_data_location(TensorProto::EXTERNAL);
      if (tensor.external_data().empty() || below(2) == 0) {
        tensor.add_external_data()->set_key(kKeys[below(std::size(kKeys))]);
      }
      auto& entry = any(*tensor.mutable_external_data());
      entry.set_value(entry.key() == "location" || below(4) == 0 ? anyText() : std::to_string(anyInteger()));
      break;
    }
    default:
      tensor.set_mapped_offset(anyInteger());
      tensor.set_mapped_length(anyInteger());
      break;
  }
}

void OnnxMutator::damageAttribute(NodeProto& node) {
  if (node.attribute().empty() || below(3) == 0) {
    node.add_attribute()->set_name(kAttributes[below(std::size(kAttributes))]);
  }
  AttributeProto& attribute = any(*node.mutable_attribute());
  switch (below(8)) {
    case 0:
      attribute.set_i(anyInteger());
      attribute.set_type(AttributeProto::INT);
      break;
    case 1:
      attribute.clear_ints();
      for (size_t i = 0, count = below(7); i < count; ++i) {
        attribute.add_ints(anyInteger());
      }
      attribute.set_type(AttributeProto::INTS);
      break;
    case 2:
      attribute.set_f(static_cast<float>(anyNumber()));
      attribute.set_type(AttributeProto::FLOAT);
      break;
    case 3:
      attribute.set_s(anyText());
      attribute.set_type(AttributeProto::STRING);
      break;
    case 4:
      attribute.set_type(static_cast<AttributeProto::AttributeType>(below(15)));
      break;
    case 5:
      attribute.set_name(kAttributes[below(std::size(kAttributes))]);
      break;
    case 6:
      attribute.mutable_t()->set_data_type(static_cast<int32_t>(below(8)));
      damageTensor(*attribute.mutable_t());
      attribute.set_type(AttributeProto::TENSOR);
      break;
    default:
      attribute.set_ref_attr_name("slope");
      break;
  }
}

void OnnxMutator::rename(ModelProto& model, NodeProto& node) {
  NodeProto* other = anyNode(model);
  auto anyName = [&](const NodeProto& from) -> std::string {
    const auto& list = below(2) == 0 ? from.input() : from.output();
    return list.empty() ? anyText() : list[static_cast<int>(below(static_cast<size_t>(list.size())))];
  };
  const std::string name = anyName(other == nullptr ? node : *other);
  auto& list = below(3) == 0 ? *node.mutable_output() : *node.mutable_input();
  if (list.empty() || below(6) == 0) {
    *list.Add() = name;
  } else {
    any(list) = name;
  }
}

void OnnxMutator::nest(NodeProto& node) {
  for (size_t i = 0, count = size_t{1} << below(7); i < count; ++i) {
    NodeProto outer;
    outer.set_op_type("If");
    outer.add_input(node.input_size() > 0 ? node.input(0) : "x");
    *outer.mutable_output() = node.output();
    for (const char* name : {"then_branch", "else_branch"}) {
      AttributeProto& branch = *outer.add_attribute();
      branch.set_name(name);
      branch.set_type(AttributeProto::GRAPH);
      for (const std::string& output : node.output()) {
        branch.mutable_g()->add_output()->set_name(output);
        NodeProto& same = *branch.mutable_g()->add_node();
        same.set_op_type("Identity");
        same.add_input(outer.input(0));
        same.add_output(output);
      }
    }
    GraphProto& inner = *outer.mutable_attribute(0)->mutable_g();
    inner.clear_node();
    inner.add_node()->Swap(&node);
    node.Swap(&outer);
  }
}

void OnnxMutator::addNode(ModelProto& model) {
  auto& nodes = *model.mutable_graph()->mutable_node();
  NodeProto& node = *nodes.Add();
  setOperator(node);
  std::vector<std::string> names;
  for (const NodeProto& other : nodes) {
    names.insert(names.end(), other.input().begin(), other.input().end());
    names.insert(names.end(), other.output().begin(), other.output().end());
  }
  for (size_t i = 0, count = below(6); i < count; ++i) {
    node.add_input(names.empty() || below(8) == 0 ? "" : names[below(names.size())]);
  }
  for (size_t i = 0, count = 1 + below(3); i < count; ++i) {
    node.add_output("made" + std::to_string(i));
    model.mutable_graph()->add_output()->set_name("made" + std::to_string(i));
  }
  for (size_t i = below(4); i > 0; --i) {
    damageAttribute(node);
  }
}

void OnnxMutator::damage(ModelProto& model) {
  NodeProto* node = anyNode(model);
  if (node == nullptr) {
    addNode(model);
    return;
  }
  switch (below(14)) {
    case 0:
    case 1:
      damageField(anyMessage(model));
      break;
    case 2:
      setOperator(*node);
      break;
    case 3:
    case 4:
      addNode(model);
      break;
    case 5:
    case 6:
      rename(model, *node);
      break;
    case 7:
    case 8:
      damageAttribute(*node);
      break;
    case 9:
    case 10:
      if (model.graph().initializer_size() > 0) {
        damageTensor(any(*model.mutable_graph()->mutable_initializer()));
      }
      break;
    case 11:
      if (model.functions_size() > 0) {
        const auto& function = any(*model.mutable_functions());
        node->set_op_type(function.name());
        node->set_domain(function.domain());
      }
      break;
    case 12:
      if (model.graph().input_size() > 0) {
        auto& type = *any(*model.mutable_graph()->mutable_input()).mutable_type()->mutable_tensor_type();
        if (type.shape().dim_size() > 0 && below(3) > 0) {
          auto& dim = any(*type.mutable_shape()->mutable_dim());
          below(2) == 0 ? dim.set_dim_value(anyInteger()) : dim.set_dim_param(anyText());
        } else {
          type.set_elem_type(static_cast<int32_t>(below(28)));
        }
      }
      break;
    default:
      nest(*node);
      break;
  }
}

void OnnxMutator::mutate(ModelProto& model) {
  for (size_t i = 0, count = 1 + below(3); i < count; ++i) {
    damage(model);
  }
}

}  // namespace kiln::fuzz
