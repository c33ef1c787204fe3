// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/onnx/summary.h"

#include <map>
#include <set>

#include "graph/io/onnx/node_import.h"
#include "graph/io/onnx/tensor_proto.h"
#include "graph/io/onnx/upgrade.h"

namespace kiln::onnx {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<NodeProto>;

std::string domainName(const std::string& domain) { return domain.empty() ? "ai.onnx" : domain; }

std::string operatorName(const std::string& domain, const std::string& op) {
  return domainName(domain) == "ai.onnx" ? op : domain + "." + op;
}

int64_t bytesOf(const TensorProto& tensor) {
  if (tensor.has_mapped_length()) {
    return tensor.mapped_length();
  }
  if (!tensor.raw_data().empty()) {
    return static_cast<int64_t>(tensor.raw_data().size());
  }
  auto dtype = storageType(tensor.data_type(), tensor.name());
  const auto count = checkedNumElements({tensor.dims().data(), static_cast<size_t>(tensor.dims_size())});
  if (!dtype.ok() || !count || *count > (int64_t{1} << 56)) {
    return 0;
  }
  switch (tensor.data_type()) {
    case TensorProto::INT4:
    case TensorProto::UINT4:
    case TensorProto::FLOAT4E2M1:
      return (*count + 1) / 2;
    case TensorProto::INT2:
    case TensorProto::UINT2:
      return (*count + 3) / 4;
    default:
      return byteSize(*dtype, *count);
  }
}

class Counter {
 public:
  explicit Counter(ModelSummary& summary) : summary_(summary) {}

  void addFunction(const FunctionProto& function) {
    functions_.emplace(operatorName(function.domain(), function.name()), 0);
  }

  // Returns how many nodes there are, with those of bodies.
  int64_t addNodes(const Nodes& nodes) {
    int64_t count = nodes.size();
    for (const NodeProto& node : nodes) {
      const std::string name = operatorName(node.domain(), node.op_type());
      OperatorCount& row = operators_[name];
      ++row.count;
      row.name = name;
      row.isFunction = functions_.contains(name);
      const std::string_view op = domainName(node.domain()) == "ai.onnx" ? newestName(node.op_type()) : node.op_type();
      row.isSupported = row.isFunction || findConverter(node.domain(), op) != nullptr;
      if (row.isFunction) {
        ++functions_[name];
      }
      for (const AttributeProto& attribute : node.attribute()) {
        if (attribute.has_g()) {
          count += addGraph(attribute.g());
        }
        for (const GraphProto& body : attribute.graphs()) {
          count += addGraph(body);
        }
      }
    }
    return count;
  }

  int64_t addGraph(const GraphProto& graph) {
    for (const TensorProto& tensor : graph.initializer()) {
      addWeight(tensor);
    }
    for (const SparseTensorProto& tensor : graph.sparse_initializer()) {
      addWeight(tensor.values());
    }
    return addNodes(graph.node());
  }

  int64_t numCalls(const std::string& function) const { return functions_.at(function); }

  void finish() {
    for (auto& [name, row] : operators_) {
      summary_.operators.push_back(std::move(row));
    }
  }

 private:
  void addWeight(const TensorProto& tensor) {
    ++summary_.numWeights;
    summary_.weightBytes += bytesOf(tensor);
  }

  ModelSummary& summary_;
  std::map<std::string, OperatorCount> operators_;
  std::map<std::string, int64_t> functions_;  // Calls, by name.
};

}  // namespace

ModelSummary summarize(const Model& model) {
  const ModelProto& proto = model.proto();
  ModelSummary summary;
  summary.name = proto.graph().name();
  summary.producer = proto.producer_name();
  if (!proto.producer_version().empty()) {
    summary.producer += (summary.producer.empty() ? "" : " ") + proto.producer_version();
  }
  summary.irVersion = proto.ir_version();
  for (const OperatorSetIdProto& opset : proto.opset_import()) {
    summary.opsets.emplace_back(domainName(opset.domain()), opset.version());
  }
  Counter counter(summary);
  for (const FunctionProto& function : proto.functions()) {
    counter.addFunction(function);
  }
  summary.numNodes = counter.addGraph(proto.graph());
  for (const FunctionProto& function : proto.functions()) {
    summary.functions.push_back(
        {.name = operatorName(function.domain(), function.name()), .numNodes = counter.addNodes(function.node())});
  }
  for (FunctionSummary& function : summary.functions) {
    function.numCalls = counter.numCalls(function.name);
  }
  counter.finish();
  std::set<std::string> symbols;
  for (const ModelPort& input : model.inputs()) {
    for (const Dim& dim : input.shape.value_or(Shape())) {
      if (!dim.isStatic()) {
        for (std::string& symbol : dim.symbols()) {
          symbols.insert(std::move(symbol));
        }
      }
    }
  }
  summary.symbols.assign(symbols.begin(), symbols.end());
  return summary;
}

std::string typeText(const ModelPort& port) {
  if (port.elementType == 0) {
    return "no tensor";
  }
  return elementTypeName(port.elementType) + (port.shape ? port.shape->toString() : "");
}

}  // namespace kiln::onnx
