// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/graph.h"

namespace kiln {
namespace {

void printValue(const Body& body, ValueRef value, std::string& out) {
  out += '%';
  out += body.nodes[value.node].name;
  if (value.output != 0) {
    out += ':';
    out += std::to_string(value.output);
  }
}

void printAttributes(const Node& node, std::string& out) {
  bool isFirst = true;
  for (const auto& [name, value] : node.attributes) {
    bool isDefault = false;
    for (const AttributeSpec& spec : node.op->attributes) {
      isDefault = isDefault || (spec.name == name && spec.defaultValue && equalAttributes(value, *spec.defaultValue));
    }
    if (isDefault) {
      continue;
    }
    out += isFirst ? " {" : ", ";
    isFirst = false;
    out += name;
    out += " = ";
    out += toString(value);
  }
  if (!isFirst) {
    out += '}';
  }
}

void printNode(const Body& body, const Node& node, std::string_view indent, std::string& out) {
  out += indent;
  out += '%';
  out += node.name;
  if (node.outputs.size() > 1) {
    out += ':';
    out += std::to_string(node.outputs.size());
  }
  out += " = kiln.";
  out += node.op->name;
  out += '(';
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (i != 0) {
      out += ", ";
    }
    printValue(body, node.inputs[i], out);
  }
  out += ')';
  printAttributes(node, out);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    out += i == 0 ? " : " : ", ";
    out += node.outputs[i].toString();
  }
  if (!node.device.empty()) {
    out += " on '" + node.device + "'";
  }
  if (node.location.isKnown()) {
    out += "  // ";
    out += node.location.toString();
  }
  out += '\n';
}

void printPorts(const Body& body, const std::vector<Port>& ports, std::string& out) {
  for (size_t i = 0; i < ports.size(); ++i) {
    out += i == 0 ? "" : ", ";
    out += ports[i].name + " = ";
    printValue(body, ports[i].value, out);
  }
}

void printValues(const Body& body, const std::vector<ValueRef>& values, bool withTypes, std::string& out) {
  for (size_t i = 0; i < values.size(); ++i) {
    out += i == 0 ? "" : ", ";
    printValue(body, values[i], out);
    if (withTypes) {
      out += ": " + body.type(values[i]).toString();
    }
  }
}

}  // namespace

std::string toString(const Graph& graph) {
  const Body& body = graph.body();
  std::string out;
  out.reserve(body.nodes.size() * 80);
  out += "graph '" + graph.name() + "'\n";
  for (const auto& [symbol, range] : graph.symbols()) {
    out += "dim " + symbol + " in [" + std::to_string(range.min) + ", " +
           (range.max == DimRange::kUnbounded ? "unbounded" : std::to_string(range.max)) + "]\n";
  }
  for (const auto& [name, function] : graph.functions()) {
    out += "function " + name + "(";
    printValues(function.body, function.parameters, true, out);
    out += ") -> (";
    printValues(function.body, function.results, true, out);
    out += ")\n";
    for (const Node& node : function.body.nodes) {
      printNode(function.body, node, "  ", out);
    }
  }
  for (const Node& node : body.nodes) {
    printNode(body, node, "", out);
  }
  for (const Entry& entry : graph.entries()) {
    out += "entry " + entry.name + "(";
    printPorts(body, entry.feeds, out);
    out += ") -> (";
    printPorts(body, entry.fetches, out);
    out += ")";
    for (size_t i = 0; i < entry.targets.size(); ++i) {
      out += (i == 0 ? " runs %" : ", %") + body.node(entry.targets[i]).name;
    }
    out += '\n';
  }
  for (const auto& [name, value] : graph.weights()) {
    out += "weight " + name + " : " + ValueType{value->dtype(), Shape::of(value->dims())}.toString() + "\n";
  }
  return out;
}

}  // namespace kiln
