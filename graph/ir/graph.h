// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A graph as data: immutable once finished, cheap to copy, safe to share between threads.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/spec/schema.h"
#include "proto/base/endpoint.h"

namespace kiln {

/// Where the user made a node. `file` is interned and lives as long as the process.
struct SourceLocation {
  std::string_view file;
  int line = 0;
  bool isKnown() const { return !file.empty(); }
  std::string toString() const;  ///< `model.cc:41`, or "".
};
/// Keeps a copy of `text` for the life of the process; equal texts share one. Thread-safe.
std::string_view internString(std::string_view text);

using NodeId = int32_t;

/// Output `output` of node `node` of one body.
struct ValueRef {
  NodeId node = -1;
  int32_t output = 0;
  auto operator<=>(const ValueRef&) const = default;
};

/// One operation. Plain data; `id` is its index in its body.
struct Node {
  NodeId id = -1;
  const OpSchema* op = nullptr;
  std::string name;  ///< Unique in the body; scopes joined by '/'.
  std::vector<ValueRef> inputs;
  Attributes attributes;
  std::vector<ValueType> outputs;
  SourceLocation location;
  std::string device;
};

/// Nodes in an order in which every node comes after its inputs.
struct Body {
  std::vector<Node> nodes;

  const Node& node(NodeId id) const { return nodes[id]; }
  const ValueType& type(ValueRef value) const { return nodes[value.node].outputs[value.output]; }
  /// The ids of the nodes that `roots` need, in order.
  std::vector<NodeId> slice(std::span<const NodeId> roots) const;
};

/// A function that `call` nodes name. Parameters are placeholder nodes of its own body.
struct Function {
  std::string name;
  Body body;
  std::vector<ValueRef> parameters;
  std::vector<ValueRef> results;
};

/// A value with the name it has in an entry's signature.
struct Port {
  std::string name;
  ValueRef value;
  bool operator==(const Port&) const = default;
};

/// A named way to run the graph: what is fed, fetched, and run for its effect.
struct Entry {
  std::string name;
  std::vector<Port> feeds;
  std::vector<Port> fetches;
  std::vector<NodeId> targets;  ///< assign or group nodes.
  SourceLocation location;      ///< Where the user declared it.
};

/// The parts of a graph. Made by GraphBuilder, graph/io and the compiler's export; checked by Graph::create.
struct GraphData {
  std::string name;
  Body body;
  std::map<std::string, Function> functions;
  std::vector<Entry> entries;
  std::map<std::string, DimRange>
      symbols;  ///< Ranges of dimension symbols; a symbol without one may have any length >= 0.
  std::map<std::string, TensorPtr> weights;  ///< Values of variables by node name; overrule the entry `init`.
};

/// An immutable graph. Copies share the data. Thread-safe.
class Graph {
 public:
  /// An empty graph.
  Graph();
  /// Checks everything that a graph promises (names unique, inputs exist and come first, types as inferred, no
  /// recursive call, no variable assigned twice in an entry, entries name what exists) and returns the graph, or all
  /// errors in one status, each on a line of its own, with the first one's id.
  static StatusOr<Graph> create(GraphData data);

  const std::string& name() const { return data_->name; }
  const Body& body() const { return data_->body; }
  const std::map<std::string, Function>& functions() const { return data_->functions; }
  const std::vector<Entry>& entries() const { return data_->entries; }
  const std::map<std::string, DimRange>& symbols() const { return data_->symbols; }
  const std::map<std::string, TensorPtr>& weights() const { return data_->weights; }
  const GraphData& data() const { return *data_; }

  /// The node of the main body with that name, or null.
  const Node* findNode(std::string_view name) const;
  const Entry* findEntry(std::string_view name) const;
  /// The value that `name` or `name:1` means. Errors: KILN-G0030 with the nearest names.
  StatusOr<ValueRef> findValue(std::string_view endpoint) const;
  /// The nodes of the op `variable`, in order.
  std::vector<NodeId> variables() const;
  /// The same graph with these values for variables (by node name), beside those that it has for others. The caller
  /// vouches that they fit: a Session checks them against the variables again.
  Graph withWeights(std::map<std::string, TensorPtr> weights) const;

  /// Equal in everything but locations.
  bool operator==(const Graph& other) const;

 private:
  std::shared_ptr<const GraphData> data_;
  std::shared_ptr<const std::map<std::string, NodeId, std::less<>>> byName_;
};

/// `name`, or `name:1` for an output other than the first.
std::string endpointName(const Body& body, ValueRef value);

/// An entry for any feeds, fetches and targets: resolves endpoint names, follows groups, refuses unknown names
/// (KILN-G0031 feed, KILN-G0032 fetch, KILN-G0033 target, each with the nearest names), a variable assigned twice
/// (KILN-G0034), a needed placeholder that is not fed (KILN-G0035). When the slice draws random numbers, advancing the
/// random state is added to the targets.
StatusOr<Entry> makeEntry(const Graph& graph, std::string name, const std::vector<std::string>& feeds,
                          const std::vector<std::string>& fetches, const std::vector<std::string>& targets);

/// The assign nodes that running `entry` performs, groups followed, each once.
std::vector<NodeId> assignsOf(const Body& body, const std::vector<NodeId>& targets);

/// Whether a node draws random numbers.
bool drawsRandomNumbers(const Node& node);

/// The graph as text, one node a line: `%logits = kiln.add(%xw, %b) : f32[batch, 10]  // model.cc:41`.
std::string toString(const Graph& graph);

/// The names that Kiln gives to what it adds itself.
inline constexpr std::string_view kInitEntry = "init";
inline constexpr std::string_view kRandomState = "random_state";
inline constexpr std::string_view kRandomStateAdvance = "random_state/advance";

}  // namespace kiln
