// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Nodes that run functions: calls, branches and loops. Private to graph/eval.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

using SharedTensor = std::shared_ptr<const Tensor>;

/// One execution of such a node: says which function to run next, until it has its results. It runs nothing itself, so
/// that nested loops take no native stack.
class ControlNode {
 public:
  struct Call {
    const Function* function = nullptr;
    std::vector<SharedTensor> arguments;
  };

  virtual ~ControlNode() = default;
  /// Takes the results of the last call, none at first. Gives the next call, or nothing when results() are there.
  /// Errors: KILN-R0030, KILN-R0034, and KILN-P0023 when there is no memory.
  virtual StatusOr<std::optional<Call>> next(std::vector<SharedTensor> returned) = 0;
  std::vector<SharedTensor>& results() { return results_; }

 protected:
  std::vector<SharedTensor> results_;
};

/// The execution of a node for these operands, or null for an op that runs no function. `symbolValue` gives dimension
/// symbols their values; it is used before this returns only. Errors: as ControlNode::next().
StatusOr<std::unique_ptr<ControlNode>> startControlNode(const Graph& graph, const Node& node,
                                                        std::vector<SharedTensor> operands,
                                                        const std::function<int64_t(std::string_view)>& symbolValue);
/// Whether startControlNode() gives one for nodes of this op.
bool runsFunctions(const OpSchema& op);

}  // namespace kiln
