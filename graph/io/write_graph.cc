// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <filesystem>
#include <unordered_set>

#include "graph/io/graph_io.h"
#include "proto/codec/file.h"
#include "proto/codec/tensor_codec.h"

namespace kiln {
namespace {

class Writer {
 public:
  Writer(const Graph& graph, const WriteOptions& options) : graph_(graph), options_(options) {}

  GraphProto run() {
    wire::GraphDef& def = out_.def;
    def.set_kiln_format(kGraphFormat);
    def.set_name(graph_.name());
    def.mutable_versions()->set_producer(kGraphFormat);
    for (const Node& node : graph_.body().nodes) {
      wire::NodeDef* proto = def.add_node();
      writeNode(graph_.body(), node, "", proto);
      if (auto value = graph_.weights().find(node.name); value != graph_.weights().end()) {
        writeTensor(value->second->view(), node.name, /*maxInlineBytes=*/0, proto->mutable_value());
      }
    }
    for (const auto& [name, function] : graph_.functions()) {
      writeFunction(function, def.mutable_library()->add_function());
    }
    for (const Entry& entry : graph_.entries()) {
      writeEntry(entry, def.add_entries());
    }
    for (const auto& [name, range] : graph_.symbols()) {
      wire::Symbol* symbol = def.add_symbols();
      symbol->set_name(name);
      symbol->set_min(range.min);
      symbol->set_max(range.max);
    }
    return std::move(out_);
  }

 private:
  static void writeLocation(const SourceLocation& location, wire::Location* proto) {
    proto->set_file(location.file.data(), location.file.size());
    proto->set_line(location.line);
  }

  // `scope` is put before the names of tensors of functions.
  void writeNode(const Body& body, const Node& node, const std::string& scope, wire::NodeDef* proto) {
    proto->set_name(node.name);
    proto->set_op(std::string(node.op->name));
    proto->set_device(node.device);
    for (ValueRef input : node.inputs) {
      proto->add_input(endpointName(body, input));
    }
    for (const auto& [name, value] : node.attributes) {
      const bool isFunction = std::any_of(
          node.op->attributes.begin(), node.op->attributes.end(),
          [&](const AttributeSpec& spec) { return spec.name == name && spec.kind == AttributeKind::kFunction; });
      writeAttribute(value, isFunction, scope + node.name + ":" + name, &(*proto->mutable_attr())[name]);
    }
    for (const ValueType& type : node.outputs) {
      wire::ValueType* output = proto->add_outputs();
      output->set_dtype(static_cast<wire::DataType>(type.dtype));
      shapeToProto(type.shape, output->mutable_shape());
    }
    if (node.location.isKnown()) {
      writeLocation(node.location, proto->mutable_location());
    }
  }

  void writeAttribute(const Attribute& value, bool isFunction, const std::string& tensorName, wire::AttrValue* proto) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      proto->set_i(*number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      proto->set_f64(*real);
    } else if (const auto* boolean = std::get_if<bool>(&value)) {
      proto->set_b(*boolean);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      if (isFunction) {
        proto->mutable_func()->set_name(*text);
      } else {
        proto->set_s(*text);
      }
    } else if (const auto* dtype = std::get_if<DType>(&value)) {
      proto->set_type(static_cast<wire::DataType>(*dtype));
    } else if (const auto* shape = std::get_if<Shape>(&value)) {
      shapeToProto(*shape, proto->mutable_shape());
    } else if (const auto* tensor = std::get_if<TensorPtr>(&value)) {
      writeTensor((*tensor)->view(), tensorName, options_.maxInlineBytes, proto->mutable_tensor());
    } else if (const auto* functions = std::get_if<std::vector<std::string>>(&value)) {
      auto* list = proto->mutable_list();
      for (const std::string& name : *functions) {
        list->add_func()->set_name(name);
      }
    } else {
      auto* list = proto->mutable_list();
      for (int64_t number : std::get<std::vector<int64_t>>(value)) {
        list->add_i(number);
      }
    }
  }

  void writeTensor(const TensorView& tensor, const std::string& name, int64_t maxInlineBytes,
                   wire::TensorProto* proto) {
    if (options_.isSelfContained || tensor.numBytes() <= maxInlineBytes) {
      tensorToProto(tensor, proto);
      return;
    }
    proto->set_dtype(static_cast<wire::DataType>(tensor.dtype));
    shapeToProto(Shape::of({tensor.dims.begin(), tensor.dims.end()}), proto->mutable_tensor_shape());
    std::string unique = name;
    for (int i = 2; !names_.insert(unique).second; ++i) {
      unique = name + "#" + std::to_string(i);
    }
    proto->set_weight(unique);
    out_.weights.push_back({unique, tensor});
  }

  void writeFunction(const Function& function, wire::FunctionDef* proto) {
    const Body& body = function.body;
    wire::OpDef* signature = proto->mutable_signature();
    signature->set_name(function.name);
    for (ValueRef parameter : function.parameters) {
      auto* argument = signature->add_input_arg();
      argument->set_name(body.node(parameter.node).name);
      argument->set_type(static_cast<wire::DataType>(body.type(parameter).dtype));
    }
    for (size_t i = 0; i < function.results.size(); ++i) {
      auto* result = signature->add_output_arg();
      result->set_name("result_" + std::to_string(i));
      result->set_type(static_cast<wire::DataType>(body.type(function.results[i]).dtype));
      (*proto->mutable_ret())[result->name()] = endpointName(body, function.results[i]);
    }
    for (const Node& node : body.nodes) {
      writeNode(body, node, function.name + "//", proto->add_node_def());
    }
  }

  void writeEntry(const Entry& entry, wire::Entry* proto) {
    const Body& body = graph_.body();
    proto->set_name(entry.name);
    for (bool isFeed : {true, false}) {
      for (const Port& port : isFeed ? entry.feeds : entry.fetches) {
        wire::Binding* binding = isFeed ? proto->add_feeds() : proto->add_fetches();
        binding->set_name(port.name);
        binding->set_endpoint(endpointName(body, port.value));
      }
    }
    for (NodeId target : entry.targets) {
      proto->add_targets(body.node(target).name);
    }
    if (entry.location.isKnown()) {
      writeLocation(entry.location, proto->mutable_location());
    }
  }

  const Graph& graph_;
  const WriteOptions& options_;
  std::unordered_set<std::string> names_ = {"__metadata__"};
  GraphProto out_;
};

}  // namespace

GraphProto graphToProto(const Graph& graph, const WriteOptions& options) { return Writer(graph, options).run(); }

std::string weightsPathOf(const std::string& path) {
  std::filesystem::path file(path);
  std::string name = file.filename().string();
  for (std::string_view ending : {".pbtxt", ".textproto", ".txt", ".pb", ".graph"}) {
    if (name.size() > ending.size() && name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
    }
  }
  return file.replace_filename(name + ".safetensors").string();
}

Status writeGraph(const Graph& graph, const std::string& path, const WriteOptions& options) {
  GraphProto proto = graphToProto(graph, options);
  if (!proto.weights.empty()) {
    std::string weightsPath = weightsPathOf(path);
    KILN_RETURN_IF_ERROR(writeSafetensors(weightsPath, proto.weights));
    KILN_ASSIGN_OR_RETURN(ReadableFile written, ReadableFile::open(weightsPath));
    KILN_ASSIGN_OR_RETURN(Sha256 digest, sha256OfFile(written));
    wire::WeightsFile* weights = proto.def.mutable_weights();
    weights->set_path(std::filesystem::path(weightsPath).filename().string());
    weights->set_num_bytes(static_cast<uint64_t>(written.numBytes()));
    weights->set_sha256(std::string(digest.begin(), digest.end()));
  }
  return writeGraphDef(proto.def, path);
}

}  // namespace kiln
