// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The names of values inside bodies, taken apart. Private to graph/ir.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

/// `outer//inner//hidden:1@every:10`.
struct TapEndpoint {
  enum class Kind { kStacked, kLast, kEvery };
  std::string text;               ///< All of it.
  std::vector<std::string> path;  ///< `outer`, `inner`, `hidden`.
  int32_t output = 0;             ///< -1 when it is no number.
  Kind kind = Kind::kStacked;
  int64_t step = 1;  ///< Of kEvery.

  /// The first `levels` names as they were written.
  std::string prefix(size_t levels) const;
  std::string withoutKind() const;
};

/// Errors: KILN-G0037.
StatusOr<TapEndpoint> parseTapEndpoint(std::string_view text);

/// A body of a node whose values can be seen: the function that an attribute names, or one of a list.
struct BodySlot {
  std::string_view attribute;
  int index = -1;  ///< In a list of functions.
  std::string label;
};
/// None for nodes without such bodies.
std::vector<BodySlot> bodySlotsOf(const Node& node);
/// The function that is named there.
const std::string& calleeOf(const Node& node, const BodySlot& slot);

/// The body that a name of a path is in.
struct ChosenBody {
  BodySlot slot;
  std::string segment;  ///< The name within the body, without the body's label.
};
/// The body of `node` with the node `endpoint.path[level]`, which may start with the label of a slot. Errors:
/// KILN-G0036 when no body or several have it.
StatusOr<ChosenBody> chooseBody(const GraphData& data, const Node& node, const std::vector<BodySlot>& slots,
                                const TapEndpoint& endpoint, size_t level);

/// The nodes of a body that have results.
std::vector<std::string> namesIn(const Body& body);

}  // namespace kiln
