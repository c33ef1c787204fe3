// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Nodes, names and constants of an ONNX model under construction. Private to graph/io/onnx_export.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "graph/io/onnx_export/exporter.h"

namespace kiln::onnx {

/// An attribute of an ONNX node. Graphs are set on the NodeProto.
struct OnnxAttribute {
  std::string_view name;
  std::variant<int64_t, double, std::string, std::vector<int64_t>> value;
};
using OnnxAttributes = std::vector<OnnxAttribute>;

/// What all graphs of one model share: names, which are unique across bodies, and constants, which all bodies see.
class ModelWriter {
 public:
  ModelWriter(ModelProto& proto, const OnnxExportOptions& options) : proto_(proto), options_(options) {}

  int64_t opset() const { return options_.opset; }
  GraphProto* mainGraph() { return proto_.mutable_graph(); }
  /// `wanted`, or that with a number when it is taken.
  std::string freshName(const std::string& wanted);
  bool isTaken(const std::string& name) const { return names_.contains(name); }
  /// An initializer. The tensor stays where it is until finish(). Errors: KILN-G0510.
  StatusOr<std::string> initializer(const std::string& wanted, TensorPtr tensor);
  /// A small constant; equal ones are one.
  std::string constant(const Tensor& tensor);
  /// Writes the initializers into the message, or lists them for the data file.
  void finish(ExportedModel& model);

 private:
  struct Initializer {
    std::string name;
    TensorPtr tensor;
  };
  ModelProto& proto_;
  const OnnxExportOptions& options_;
  std::unordered_set<std::string> names_;
  std::unordered_map<std::string, int> nextNumber_;
  std::map<std::string, std::string> constants_;  ///< By type, dims and bytes.
  std::vector<Initializer> initializers_;
};

/// A body while it is written: the graph's own or a function's, at one of the places where it runs.
struct Frame {
  const Body* body = nullptr;
  GraphProto* proto = nullptr;  ///< Where its nodes go.
  std::string prefix;           ///< Of names of values.
  std::unordered_map<int64_t, std::string> values;
  /// Names that values shall have: those of fetches.
  std::unordered_map<int64_t, std::string> wanted;
  /// Values whose shapes tell the dimension symbols.
  struct Giver {
    Shape shape;
    std::string name;
  };
  std::vector<Giver> givers;
  std::map<std::string, std::string> symbols;  ///< Values of i64[1] made so far.
  std::map<std::string, std::string> shapes;   ///< By the shape's text.
  std::unordered_set<int64_t> used;            ///< Values that something reads.

  static int64_t keyOf(ValueRef value) { return int64_t{value.node} << 32 | static_cast<uint32_t>(value.output); }
  void bind(ValueRef value, std::string name) { values[keyOf(value)] = std::move(name); }
};

/// The ONNX type of a graph's value. Lengths that are no numbers are left open unless `hasSymbols`. Errors: KILN-G0510
/// for an element type that ONNX lacks; `what` names the value.
Status setType(ValueInfoProto& info, const std::string& name, const ValueType& type, bool hasSymbols,
               const std::string& what);

}  // namespace kiln::onnx
