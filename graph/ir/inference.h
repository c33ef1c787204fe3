// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Types of nodes, node by node, with the shapes that are known while a graph is built.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

/// OK when computing with the shape stays cheap. Errors: KILN-G0022.
Status checkShapeCost(const Shape& shape);

/// Infers the nodes of one body in order. The body and the functions outlive it. Not thread-safe.
class BodyInference {
 public:
  BodyInference(const Body& body, const std::map<std::string, Function>& functions);

  /// Fills in the attribute defaults and the result types of `node`, whose inputs are nodes of the body that were
  /// inferred before, and whose id is where it will be put. Errors: KILN-G0007 and those of inferNode(), without place
  /// and node name.
  Status infer(Node& node);

  /// The elements of an integer vector that are known while building, or nothing.
  std::optional<std::vector<Dim>> shapeValue(ValueRef value) const;

 private:
  void rememberShapeValue(const Node& node, const std::vector<std::optional<std::vector<Dim>>>& operands);

  const Body& body_;
  const std::map<std::string, Function>& functions_;
  std::unordered_map<NodeId, std::vector<Dim>> shapeValues_;
};

}  // namespace kiln
