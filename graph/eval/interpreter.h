// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The reference interpreter: runs the ops' reference code one node at a time. It says what a graph means; speed
/// is not its aim.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "proto/base/tensor.h"

namespace kiln {

/// The values of variables, by node name. Not thread-safe.
class VariableStore {
 public:
  /// The value, or null when there is none yet.
  const Tensor* find(std::string_view name) const;
  void set(std::string name, Tensor value) { values_.insert_or_assign(std::move(name), std::move(value)); }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  size_t size() const { return values_.size(); }

 private:
  std::map<std::string, Tensor, std::less<>> values_;
};

/// What ends a run before its time; a loop may have no end of its own.
struct InterpreterOptions {
  const std::atomic<bool>* cancel = nullptr;  ///< Looked at before every node; outlives the run.
  std::chrono::milliseconds deadline{0};      ///< 0: none.
};

/// Evaluates entries of graphs. Has no state of its own; any thread may use it with a store of its own.
class Interpreter {
 public:
  explicit Interpreter(InterpreterOptions options = {}) : options_(options) {}

  /// The fetches of `entry` for these feeds, one for each feed of the entry, in order. Variables are read as they were
  /// before the run; assignments take effect together at its end, and after an error the store is as it was. Values are
  /// freed after their last use. Errors: KILN-G0301 to G0308, faults of ops (index out of range, division by zero, a
  /// trip count, an assertion) with the node's place, KILN-R0040 when cancelled and KILN-R0047 after the deadline.
  StatusOr<std::vector<Tensor>> evaluate(const Graph& graph, const Entry& entry, const std::vector<TensorView>& feeds,
                                         VariableStore& variables) const;

 private:
  InterpreterOptions options_;
};

/// The values that a graph's variables start from: the entry `init` is evaluated, and the graph's weights overrule it.
StatusOr<VariableStore> initialValues(const Graph& graph);

}  // namespace kiln
