// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/tensorflow/frozen_graph.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "graph/io/tensorflow/importer.h"

namespace kiln::tensorflow {
namespace {

// A symbol for an axis of an input: `x_0`, with what symbols may not have as `_`.
std::string symbolOf(std::string_view input, int axis) {
  std::string name;
  for (const char c : input) {
    const bool isPlain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    name += isPlain ? c : '_';
  }
  const bool startsWell = !name.empty() && !(name[0] >= '0' && name[0] <= '9');
  return (startsWell ? name : "_" + name) + "_" + std::to_string(axis);
}

bool computes(wire::DataType type) {
  if (!isKnownDType(type) || type == wire::DT_STRING) {
    return false;
  }
  const auto dtype = static_cast<DType>(type);
  return dtype == boolean || isInteger(dtype) || (isFloat(dtype) && bitWidth(dtype) >= 16);
}

StatusOr<GraphPort> inputOf(const wire::NodeDef& node) {
  GraphPort port;
  port.name = node.name();
  port.hasDefault = node.op() == "PlaceholderWithDefault";
  if (auto type = node.attr().find("dtype"); type != node.attr().end() && computes(type->second.type())) {
    port.dtype = static_cast<DType>(type->second.type());
  }
  auto shape = node.attr().find("shape");
  if (shape == node.attr().end() || !shape->second.has_shape() || shape->second.shape().unknown_rank()) {
    return port;
  }
  std::vector<Dim> dims;
  for (const auto& dim : shape->second.shape().dim()) {
    if (dim.size() < -1) {
      return makeError<ErrorId::kG0502>(describe(node), "a length is " + std::to_string(dim.size()));
    }
    const auto axis = static_cast<int>(dims.size());
    dims.push_back(dim.size() == -1 ? Dim::symbol(symbolOf(node.name(), axis)) : Dim(dim.size()));
  }
  const Shape given(std::move(dims));
  if (given.isStatic() && !checkedNumElements(given.staticDims())) {
    return makeError<ErrorId::kG0502>(describe(node), "the elements of " + given.toString() + " cannot be counted");
  }
  port.shape = given;
  return port;
}

// Another node that is fed: of its type, as far as its attributes tell it, and of any shape.
GraphPort fedPort(const wire::NodeDef& node) {
  GraphPort port;
  port.name = node.name();
  for (const char* name : {"dtype", "DstT", "out_type", "output_type", "T"}) {
    if (auto type = node.attr().find(name); type != node.attr().end() && computes(type->second.type())) {
      port.dtype = static_cast<DType>(type->second.type());
      break;
    }
  }
  return port;
}

bool isInput(const wire::NodeDef& node) { return node.op() == "Placeholder" || node.op() == "PlaceholderWithDefault"; }

}  // namespace

StatusOr<FrozenGraph> FrozenGraph::read(const std::string& path, const ReadLimits& limits) {
  KILN_ASSIGN_OR_RETURN(wire::GraphDef def, readGraphDef(path, limits));
  return create(std::move(def), path);
}

StatusOr<FrozenGraph> FrozenGraph::parse(std::string_view bytes, const std::string& file, const ReadLimits& limits) {
  KILN_ASSIGN_OR_RETURN(wire::GraphDef def, parseGraphDef(bytes, file, limits));
  return create(std::move(def), file);
}

StatusOr<FrozenGraph> FrozenGraph::create(wire::GraphDef def, std::string file) {
  auto data = std::make_shared<Data>();
  data->file = std::move(file);
  data->proto = std::move(def);
  auto inFile = [&](const Status& status) { return annotate(status, "'" + data->file + "'"); };
  if (!isTensorFlowGraph(data->proto)) {
    return inFile(makeError<ErrorId::kG0502>("of the graph", "it is a graph of Kiln, and no graph of TensorFlow"));
  }
  const auto& nodes = data->proto.node();
  std::unordered_map<std::string, int> symbols;
  for (const wire::NodeDef& node : nodes) {
    if (isInput(node)) {
      auto port = inputOf(node);
      if (!port.ok()) {
        return inFile(port.status());
      }
      // Names that differ only in odd characters give symbols of one name.
      for (int axis = 0; port->shape && axis < port->shape->rank(); ++axis) {
        if (auto symbol = (*port->shape)[axis].asSymbol()) {
          if (const int number = symbols[*symbol]++; number > 0) {
            *symbol += "." + std::to_string(number);
          }
          (*port->shape)[axis] = Dim::symbol(*symbol);
        }
      }
      data->inputs.push_back(*std::move(port));
    }
  }
  if (nodes.empty()) {
    return inFile(makeError<ErrorId::kG0502>("of the graph", "it has no nodes"));
  }
  // Whether the nodes fit together, too.
  auto outputs = outputsOf(data->proto);
  if (!outputs.ok()) {
    return inFile(outputs.status());
  }
  for (std::string& name : *outputs) {
    data->outputs.emplace_back().name = std::move(name);
  }
  return FrozenGraph(std::move(data));
}

std::vector<OpCount> FrozenGraph::operations() const {
  std::map<std::string, int64_t> counts;
  for (const wire::NodeDef& node : proto().node()) {
    ++counts[node.op()];
  }
  for (const wire::FunctionDef& function : proto().library().function()) {
    for (const wire::NodeDef& node : function.node_def()) {
      ++counts[node.op()];
    }
  }
  std::vector<OpCount> operations;
  for (const auto& [op, count] : counts) {
    operations.push_back({.op = op, .count = count, .isSupported = isSupported(op)});
  }
  return operations;
}

StatusOr<std::vector<GraphPort>> FrozenGraph::inputsFor(const GraphUse& use) const {
  std::vector<std::string> names = use.outputs;
  for (size_t i = 0; use.outputs.empty() && i < outputs().size(); ++i) {
    names.push_back(outputs()[i].name);
  }
  KILN_ASSIGN_OR_RETURN(const std::vector<GraphPort> all, allInputs(use));
  KILN_ASSIGN_OR_RETURN(const Program program, programOf(proto(), names, use.fed));
  std::unordered_set<std::string_view> needed;
  for (const ProgramNode& node : program.nodes) {
    if (node.def != nullptr) {
      needed.insert(node.def->name());
    }
  }
  std::vector<GraphPort> ports;
  for (const GraphPort& port : all) {
    const bool isKept = port.hasDefault && std::ranges::find(use.fed, port.name) == use.fed.end();
    if (needed.contains(port.name) && !isKept) {
      ports.push_back(port);
    }
  }
  return ports;
}

StatusOr<std::vector<GraphPort>> FrozenGraph::allInputs(const GraphUse& use) const {
  std::vector<GraphPort> ports = inputs();
  std::unordered_set<std::string_view> known;
  for (const GraphPort& port : inputs()) {
    known.insert(port.name);
  }
  std::unordered_map<std::string_view, const wire::NodeDef*> nodes;
  for (const wire::NodeDef& node : proto().node()) {
    nodes.emplace(node.name(), &node);
  }
  for (const std::string& name : use.fed) {
    auto found = nodes.find(name);
    if (found == nodes.end()) {
      std::vector<std::string> names;
      for (const GraphPort& port : inputs()) {
        names.push_back(port.name);
      }
      return makeError<ErrorId::kG0508>("input", name, nearestNames(name, names));
    }
    if (known.insert(found->first).second) {
      ports.push_back(fedPort(*found->second));
    }
  }
  return ports;
}

StatusOr<ImportedModel> FrozenGraph::import(const ImportOptions& options, const GraphUse& use) const {
  KILN_ASSIGN_OR_RETURN(const std::vector<GraphPort> ports, allInputs(use));
  auto check = [&](const std::string& name) {
    if (std::ranges::find(ports, name, &GraphPort::name) != ports.end()) {
      return Status();
    }
    std::vector<std::string> names;
    for (const GraphPort& port : ports) {
      names.push_back(port.name);
    }
    return makeError<ErrorId::kG0508>("input", name, nearestNames(name, names));
  };
  for (const auto& [name, value] : options.values) {
    KILN_RETURN_IF_ERROR(check(name));
  }
  for (const auto& [name, shape] : options.shapes) {
    KILN_RETURN_IF_ERROR(check(name));
  }
  Importer own(*this, options, use, ports, false);
  auto result = own.run();
  if (result.ok() || own.openInputs().empty() || own.isHopeless()) {
    return result;
  }
  auto together = Importer(*this, options, use, ports, true).run();
  return together.ok() ? std::move(together) : std::move(result);
}

}  // namespace kiln::tensorflow
