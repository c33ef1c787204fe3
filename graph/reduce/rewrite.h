// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Replaces nodes of one body of a graph. Private to graph/reduce.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "graph/ir/graph.h"

namespace kiln::reduction {

/// What becomes of a node.
struct Fate {
  enum class Kind {
    kLeaf,     ///< Its results become leaves of their types.
    kOperand,  ///< Its only result becomes its operand number `index`, of the same type.
    kBody,     ///< The nodes of its function number `index` (in the order of calleesOf) take its place.
    kGone,     ///< Nothing reads it any more.
  };
  Kind kind = Kind::kGone;
  int index = 0;
};
using Fates = std::map<NodeId, Fate>;

/// What a leaf is, where a body lets one choose: functions have no placeholders beside their parameters.
enum class LeafKind { kPlaceholder, kZeros };

/// The graph with the fates done in the main body, or in the function `place`; nodes without one stay, and so do the
/// names of all that stays. The graph's types are known; those of the result are not. Leaves are called `cut`, `cut_1`
/// ..., so that a search for the name of an op does not find what stood for it. Fetches and targets that are gone are
/// dropped from entries. Nothing when something that is read would be missing.
std::optional<GraphData> rewrite(const GraphData& data, const std::string& place, const Fates& fates, LeafKind leaf);

/// A tensor of zeros; equal types share one.
TensorPtr zeros(DType dtype, const std::vector<int64_t>& dims);

}  // namespace kiln::reduction
