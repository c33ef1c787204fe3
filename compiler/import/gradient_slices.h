// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What goes into the region of a gradients node.
#pragma once

#include <span>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln::compiler {

/// One `kiln.vjp` of a gradients node. A node whose xs depend on each other needs several: where x depends on w, the
/// gradient for w passes through x, so x is computed in w's region, while in its own it is an argument.
struct GradientSlice {
  std::vector<ValueRef> xs;    ///< Distinct; none depends on another.
  std::vector<int> positions;  ///< For each x of the node: its index in `xs`, or -1 when another slice has it.
  std::vector<NodeId> nodes;   ///< Those on a path from the xs to the ys, in order.
};

/// The slices of a gradients node with these ys and xs.
std::vector<GradientSlice> gradientSlices(const Body& body, std::span<const ValueRef> ys, std::span<const ValueRef> xs);

}  // namespace kiln::compiler
