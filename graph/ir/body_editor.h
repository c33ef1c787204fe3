// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Changes to the parts of a graph that keep all references right. Private to graph/ir.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ir/tap_endpoint.h"

namespace kiln {

/// The name of a function, or "" for the main body.
using BodyId = std::string;
inline const BodyId kMainBody;

/// Not thread-safe. References to nodes and bodies hold until the next change.
class BodyEditor {
 public:
  explicit BodyEditor(GraphData data) : data_(std::move(data)) {}

  const GraphData& data() const { return data_; }
  const Body& body(const BodyId& place) const { return place.empty() ? data_.body : data_.functions.at(place).body; }
  Node& node(const BodyId& place, NodeId id) { return bodyOf(place).nodes[static_cast<size_t>(id)]; }
  Function& function(const BodyId& place) { return data_.functions.at(place); }
  std::vector<ValueType> parameterTypes(const BodyId& place) const;

  /// The function that the node names there; a copy that only this node has, made when it is first asked for.
  BodyId ownBody(const BodyId& place, NodeId node, const BodySlot& slot);
  /// Puts a node at `position` (those from there on move up by one) and returns its first result.
  ValueRef insert(const BodyId& place, NodeId position, std::string_view op, std::vector<ValueRef> inputs,
                  Attributes attributes, std::vector<ValueType> outputs, const SourceLocation& where);
  /// Gives the node another result, the last one or number `output`.
  ValueRef addOutput(const BodyId& place, NodeId node, ValueType type);
  ValueRef insertOutput(const BodyId& place, NodeId node, int32_t output, ValueType type);

  /// Follows a value of the main body through later changes.
  void keep(ValueRef value) { kept_.push_back(value); }
  /// Where the kept values are now, in order.
  const std::vector<ValueRef>& kept() const { return kept_; }

  /// The changed graph, for Graph::create. The editor is empty then.
  GraphData take();

 private:
  Body& bodyOf(const BodyId& place) { return place.empty() ? data_.body : data_.functions.at(place).body; }
  template <class F>
  void forEachReference(const BodyId& place, const F& change);
  std::string freshNode(const BodyId& place, std::string_view base);

  GraphData data_;
  std::unordered_set<std::string> own_;
  std::unordered_map<std::string, std::unordered_set<std::string>> names_;
  std::vector<ValueRef> kept_;
};

}  // namespace kiln
