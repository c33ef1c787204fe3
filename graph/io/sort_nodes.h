// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file An order in which nodes come after their inputs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "proto/base/status.h"

namespace kiln::graph {

/// An order of the nodes 0 to inputs.size()-1, each after its inputs, and as near to theirs as that allows: an order
/// that is valid already stays. `nameOf` is for messages. Does not recurse. Errors: KILN-G0402 names the nodes of a
/// cycle.
template <class NameOf>
StatusOr<std::vector<int32_t>> sortNodes(const std::vector<std::vector<int32_t>>& inputs, const NameOf& nameOf);

namespace internal {
/// The order, or fewer nodes when there is a cycle.
std::vector<int32_t> orderOf(const std::vector<std::vector<int32_t>>& inputs);
/// A cycle among the nodes that `ordered` lacks, each needing the next one and the last the first.
std::vector<int32_t> findCycle(const std::vector<std::vector<int32_t>>& inputs, const std::vector<int32_t>& ordered);
}  // namespace internal

template <class NameOf>
StatusOr<std::vector<int32_t>> sortNodes(const std::vector<std::vector<int32_t>>& inputs, const NameOf& nameOf) {
  std::vector<int32_t> order = internal::orderOf(inputs);
  if (order.size() == inputs.size()) {
    return order;
  }
  constexpr size_t kNamed = 10;
  std::vector<int32_t> cycle = internal::findCycle(inputs, order);
  std::string text;
  for (size_t i = 0; i < cycle.size() && i < kNamed; ++i) {
    text += "'" + std::string(nameOf(cycle[i])) + "' needs ";
  }
  text += cycle.size() > kNamed ? "... " + std::to_string(cycle.size() - kNamed) + " more ... needs " : "";
  return makeError<ErrorId::kG0402>(text + "'" + std::string(nameOf(cycle[0])) + "'");
}

}  // namespace kiln::graph
