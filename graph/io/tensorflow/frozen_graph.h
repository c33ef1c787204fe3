// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Frozen TensorFlow 1 graphs: read from a file, and imported as graphs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "proto/codec/graph_file.h"
#include "proto/wire/graph.pb.h"

namespace kiln::tensorflow {

/// An input or output of a graph as its nodes declare it.
struct GraphPort {
  /// The node's name; `name:1` for another output than the first.
  std::string name;
  /// kInvalid of outputs, and of types that Kiln has no kernels for.
  DType dtype = DType::kInvalid;
  /// With a symbol for each length that the graph leaves open; nothing when the rank is open too, and of outputs.
  std::optional<Shape> shape;
};

struct ImportOptions {
  /// What the graph is to compute, `node` or `node:1`; all of outputs() by default.
  std::vector<std::string> outputs = {};
  /// PlaceholderWithDefault nodes that are fed; the others have their default.
  std::vector<std::string> fed = {};
  /// Values of inputs that are built into the graph, by name: those that decide shapes.
  std::map<std::string, TensorPtr> values = {};
  /// Lengths of inputs, by name; they replace what the graph declares.
  std::map<std::string, std::vector<int64_t>> shapes = {};
  /// What is known before a run is computed while importing, up to this many elements a node.
  int64_t maxFoldedElements = int64_t{1} << 16;
};

/// A graph with the entry `predict`, whose feeds are the inputs that the outputs need, and whose fetches are the
/// outputs.
struct ImportedGraph {
  Graph graph;
  /// Inputs whose values decide shapes: the graph is empty, and is there when ImportOptions::values has them too.
  std::vector<std::string> neededValues;
  /// Inputs whose lengths must be numbers: as above, for ImportOptions::shapes.
  std::vector<std::string> neededShapes;
  /// Why, when lengths are needed because an operation does not take symbols: its error.
  Status reason;
  /// Inputs that the graph does not take: their value is built in (ImportOptions::values).
  std::vector<std::string> builtIn;
};

/// A graph that TensorFlow wrote, all of whose variables are constants. Copies share the data. Thread-safe.
class FrozenGraph {
 public:
  /// Reads a file, in binary or text form. Nothing in it is trusted. Errors: those of readGraphDef(), and of parse().
  static StatusOr<FrozenGraph> read(const std::string& path, const ReadLimits& limits = {});
  /// The same of bytes; `file` names them in messages. Errors: those of parseGraphDef(), and of create().
  static StatusOr<FrozenGraph> parse(std::string_view bytes, const std::string& file, const ReadLimits& limits = {});
  /// The same of a message. Errors: KILN-G0509 for a graph that Kiln wrote; KILN-G0402, G0502 to G0504 for one whose
  /// nodes do not fit together.
  static StatusOr<FrozenGraph> create(wire::GraphDef def, std::string file);

  const std::string& file() const { return data_->file; }
  const wire::GraphDef& proto() const { return data_->proto; }
  /// Its Placeholder nodes, in order.
  const std::vector<GraphPort>& inputs() const { return data_->inputs; }
  /// What no node uses, in order; for effects only (NoOp, Assert) does not count.
  const std::vector<GraphPort>& outputs() const { return data_->outputs; }

  /// The graph as Kiln's. Lengths that are left open become symbols: one each, or one for all first axes where the graph
  /// asks for it (a batch of several inputs); where an operation takes neither, neededShapes asks for numbers. Errors:
  /// KILN-G0501 with every op that is not supported, G0502 to G0508, and P0031 to P0035 for constants.
  StatusOr<ImportedGraph> import(const ImportOptions& options = {}) const;

  struct Data {
    std::string file;
    wire::GraphDef proto;
    std::vector<GraphPort> inputs, outputs;
  };

 private:
  explicit FrozenGraph(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// Whether the message is a graph of TensorFlow: one without Kiln's mark.
inline bool isTensorFlowGraph(const wire::GraphDef& def) { return def.kiln_format() == 0; }

}  // namespace kiln::tensorflow
