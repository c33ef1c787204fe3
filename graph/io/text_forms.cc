// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <map>
#include <string>

#include "graph/io/graph_io.h"
#include "nlohmann/json.hpp"

namespace kiln {
namespace {

using Json = nlohmann::ordered_json;

// For inside of DOT's quotes.
std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    out += c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
  }
  return out;
}

std::string dotName(const std::string& text) { return '"' + escaped(text) + '"'; }

// A constant small enough to read in a picture.
std::string shortValue(const Node& node) {
  constexpr int64_t kShown = 4;
  const Attribute* value = node.attributes.find("value");
  const auto* tensor = value == nullptr ? nullptr : std::get_if<TensorPtr>(value);
  return tensor != nullptr && (*tensor)->numElements() <= kShown ? "\n" + (*tensor)->toString(kShown) : "";
}

void addNodes(const Body& body, const std::string& prefix, std::string& out) {
  for (const Node& node : body.nodes) {
    std::string label = node.name + "\n" + std::string(node.op->name);
    for (const ValueType& type : node.outputs) {
      label += "\n" + type.toString();
    }
    label += shortValue(node);
    std::string_view op = node.op->name;
    const char* style = op == "placeholder"               ? ", shape=oval"
                        : op == "variable"                ? ", shape=cylinder"
                        : op == "constant"                ? ", style=dashed"
                        : op == "assign" || op == "group" ? ", shape=house"
                                                          : "";
    out += "  " + dotName(prefix + node.name) + " [label=\"" + escaped(label) + "\"" + style + "];\n";
    for (ValueRef input : node.inputs) {
      out += "  " + dotName(prefix + body.node(input.node).name) + " -> " + dotName(prefix + node.name);
      out += input.output != 0 ? " [taillabel=\"" + std::to_string(input.output) + "\"];\n" : ";\n";
    }
  }
}

Json jsonOf(const ValueType& type) {
  Json dims = Json::array();
  for (const Dim& dim : type.shape) {
    dim.isStatic() ? dims.push_back(dim.value()) : dims.push_back(dim.toString());
  }
  return {{"dtype", std::string(toString(type.dtype))}, {"shape", std::move(dims)}};
}

Json jsonOf(const Body& body, const std::vector<Port>& ports) {
  Json list = Json::array();
  for (const Port& port : ports) {
    Json item = {{"name", port.name}};
    item.update(jsonOf(body.type(port.value)));
    list.push_back(std::move(item));
  }
  return list;
}

Json nodesOf(const Body& body) {
  Json list = Json::array();
  for (const Node& node : body.nodes) {
    Json item = {
        {"name", node.name}, {"op", std::string(node.op->name)}, {"inputs", Json::array()}, {"outputs", Json::array()}};
    for (ValueRef input : node.inputs) {
      item["inputs"].push_back(endpointName(body, input));
    }
    for (const ValueType& type : node.outputs) {
      item["outputs"].push_back(jsonOf(type));
    }
    if (node.location.isKnown()) {
      item["location"] = node.location.toString();
    }
    list.push_back(std::move(item));
  }
  return list;
}

Json typesOf(const Body& body, const std::vector<ValueRef>& values) {
  Json list = Json::array();
  for (ValueRef value : values) {
    list.push_back(jsonOf(body.type(value)));
  }
  return list;
}

}  // namespace

std::string toDot(const Graph& graph) {
  std::string out =
      "digraph " + dotName(graph.name()) + " {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n";
  addNodes(graph.body(), "", out);
  int cluster = 0;
  for (const auto& [name, function] : graph.functions()) {
    out += "  subgraph cluster_" + std::to_string(cluster++) + " {\n  label=" + dotName("function " + name) + ";\n";
    addNodes(function.body, name + "//", out);
    out += "  }\n";
  }
  return out + "}\n";
}

std::string toJson(const Graph& graph) {
  const Body& body = graph.body();
  Json entries = Json::array();
  for (const Entry& entry : graph.entries()) {
    Json targets = Json::array();
    for (NodeId target : entry.targets) {
      targets.push_back(body.node(target).name);
    }
    entries.push_back({{"name", entry.name},
                       {"feeds", jsonOf(body, entry.feeds)},
                       {"fetches", jsonOf(body, entry.fetches)},
                       {"targets", std::move(targets)}});
  }
  Json functions = Json::array();
  for (const auto& [name, function] : graph.functions()) {
    functions.push_back({{"name", name},
                         {"parameters", typesOf(function.body, function.parameters)},
                         {"results", typesOf(function.body, function.results)},
                         {"nodes", nodesOf(function.body)}});
  }
  std::map<std::string, DimRange> ranges = graph.symbols();
  Json variables = Json::array();
  for (const Node& node : body.nodes) {
    if (node.op->name == "variable") {
      Json item = {{"name", node.name}};
      item.update(jsonOf(node.outputs[0]));
      item["hasValue"] = graph.weights().contains(node.name);
      variables.push_back(std::move(item));
    }
    if (node.op->name == "placeholder") {
      for (const Dim& dim : node.outputs[0].shape) {
        for (const std::string& symbol : dim.symbols()) {
          ranges.try_emplace(symbol);
        }
      }
    }
  }
  Json dims = Json::object();
  for (const auto& [symbol, range] : ranges) {
    dims[symbol] = {{"min", range.min}, {"max", range.max == DimRange::kUnbounded ? Json() : Json(range.max)}};
  }
  Json root = {{"name", graph.name()},   {"entries", std::move(entries)}, {"functions", std::move(functions)},
               {"nodes", nodesOf(body)}, {"dims", std::move(dims)},       {"variables", std::move(variables)}};
  return root.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace kiln
