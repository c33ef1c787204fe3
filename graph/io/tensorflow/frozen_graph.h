// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Frozen TensorFlow 1 graphs: read from a file, and imported as graphs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/io/imported_model.h"
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
  bool hasDefault = false;  ///< Of inputs: it may be left out.
};

/// The nodes of one op.
struct OpCount {
  std::string op;
  int64_t count = 0;
  bool isSupported = false;  ///< In some form; import() says what it refuses.
};

/// What a graph is to compute, and from what.
struct GraphUse {
  /// `node` or `node:1`; all of outputs() by default.
  std::vector<std::string> outputs = {};
  /// Nodes that are fed though they have a value of their own: a PlaceholderWithDefault, or any other node with one
  /// output, such as one behind the decoding of an image.
  std::vector<std::string> fed = {};
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
  /// Its Placeholder and PlaceholderWithDefault nodes, in order.
  const std::vector<GraphPort>& inputs() const { return data_->inputs; }
  /// What no node uses, in order; for effects only (NoOp, Assert) does not count.
  const std::vector<GraphPort>& outputs() const { return data_->outputs; }

  /// The ops of its nodes and functions, by name.
  std::vector<OpCount> operations() const;

  /// The inputs that such a use feeds: those that its outputs need, without defaults that are kept. A node that is fed
  /// and no placeholder has no shape. Errors: those of create(), and KILN-G0508.
  StatusOr<std::vector<GraphPort>> inputsFor(const GraphUse& use) const;

  /// The graph as Kiln's, with the entry `predict`: its feeds are the inputs that the outputs need, and its fetches the
  /// outputs. Lengths that are left open become symbols: one each, or one for all first axes where the graph asks for
  /// it (a batch of several inputs). An op that takes neither may be imported with ImportOptions::shapes. Errors:
  /// KILN-G0501 with every op that is not supported, G0502 to G0508, and P0031 to P0035 for constants.
  StatusOr<ImportedModel> import(const ImportOptions& options = {}, const GraphUse& use = {}) const;

  struct Data {
    std::string file;
    wire::GraphDef proto;
    std::vector<GraphPort> inputs, outputs;
  };

 private:
  explicit FrozenGraph(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  /// inputs(), and what else is fed.
  StatusOr<std::vector<GraphPort>> allInputs(const GraphUse& use) const;
  std::shared_ptr<const Data> data_;
};

/// Whether the message is a graph of TensorFlow: one without Kiln's mark.
inline bool isTensorFlowGraph(const wire::GraphDef& def) { return def.kiln_format() == 0; }

}  // namespace kiln::tensorflow
