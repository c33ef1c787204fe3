// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a GraphBuilder holds while it builds. Private to graph/build.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/build/builder.h"
#include "graph/build/differentiable_paths.h"
#include "graph/ir/diagnostics.h"
#include "graph/ir/inference.h"

namespace kiln {

/// What the body of a lambda takes from the body around it.
struct ClosureState {
  std::map<ValueRef, NodeId> parameterOf;  ///< The placeholder that stands for a captured value of the enclosing body.
  std::vector<ValueRef> captured;          ///< Those values, in the order of their first use.
  bool drawsNumbers = true;
  Value step;         ///< Of a loop's body: its number, which is mixed into the random state.
  Value randomState;  ///< As this body sees it, once it was asked for.
  SourceLocation location;
};

/// One body under construction: the main one, or a function's.
struct BodyState {
  BodyState(std::string function, const std::map<std::string, Function>& functions)
      : function(std::move(function)), inference(body, functions) {}
  BodyState(const BodyState&) = delete;

  Body body;
  std::string function;  ///< "" for the main body.
  BodyInference inference;
  std::unordered_map<std::string, NodeId> names;
  std::unordered_map<std::string, int> nodeSuffixes;  ///< The next to try for a taken name.
  std::unordered_map<std::string, int> scopeSuffixes;
  std::vector<std::string> prefixes = {""};  ///< Of the open scopes; the last one is current.
  std::vector<NodeId> sourceOf;              ///< For each node, a placeholder or variable that it depends on, or -1.
  std::unique_ptr<ClosureState> closure;     ///< Of a lambda's body, which may use values of the enclosing one.

  std::string describe() const { return function.empty() ? "the graph" : "function '" + function + "'"; }
};

/// What is to be differentiated for what. `weights` are the seeds of the ys or the tangents of the xs: `weighted` are
/// those values, whose types they have.
struct DerivativeRequest {
  std::string_view op;
  std::vector<Value> ys, xs, weights;
  std::string_view weightName, weightedName;  ///< `seed`, `ys`
  std::vector<Value> weighted;
  bool needsScalars = false;  ///< The ys are scalars.
};

struct GraphBuilder::State {
  struct PendingEntry {
    std::string name;
    EntrySpec spec;
    SourceLocation location;
  };

  GraphBuilder* builder = nullptr;
  std::string name;
  std::map<std::string, Function> functions;
  std::unordered_set<std::string> brokenFunctions;
  std::unordered_map<std::string, int> lambdaSuffixes;  ///< The next to try for a taken name of a lambda's function.
  std::deque<BodyState> bodies;
  std::vector<int> openBodies = {0};  ///< Functions may be defined within functions.
  std::map<std::string, DimRange> symbols;
  std::vector<PendingEntry> entries;
  std::vector<Value> trainable;
  std::vector<NodeId> initialAssigns;
  std::map<std::string, TensorPtr> weights;
  Value randomState;
  int64_t seed = 0;
  int64_t nextRandomOpId = 0;
  std::optional<SourceLocation> origin;  ///< Of all nodes made now, when set.
  ErrorList errors;
  bool isFinished = false;
  Graph graph;  ///< Once finished: values look their names up here.
  std::unordered_map<const char*, std::string_view> files;

  BodyState& current() { return bodies[openBodies.back()]; }
  const Body& bodyOf(int body) const;
  /// The node that makes a value, or null when the value is poisoned or went with a graph that was refused.
  const Node* nodeOf(const Value& value) const;
  Value makeValue(int body, ValueRef ref) const;
  Value poison() const { return makeValue(0, ValueRef{}); }

  SourceLocation locate(Where where);
  /// The name under the current scope as it is, or with the first free suffix.
  std::string scopedName(std::string_view base) { return current().prefixes.back() + std::string(base); }
  std::string freshName(const std::string& wanted);

  /// Records an error. `subject` is `kiln.matmul 'proj'`; the inputs' origins become notes.
  void fail(const Status& status, SourceLocation where, std::string_view subject = "",
            const std::vector<Value>& inputs = {});

  /// The values as the current body sees them: those of enclosing bodies that it may use are captured. Others stay as
  /// they are, for checkOperands to refuse.
  std::vector<Value> adopt(std::vector<Value> values);
  /// The parameter of open body number `level` that stands for a value of the body around it.
  Value capture(size_t level, ValueRef outer);
  /// Captures values of enclosing bodies that tell the dimension symbols which the current body needs and no parameter
  /// has.
  void captureSymbols();
  /// A value as long as the dimension that a bind_dim of open body number `level` binds; nothing when none there does.
  std::optional<ValueRef> valueOfBoundLength(size_t level, const std::string& symbol);
  /// The random state {seed, step} as open body number `level` sees it.
  Value randomStateAt(size_t level, Where where);

  /// True when all values can be operands here; records what is wrong. Poisoned values are silent.
  bool checkOperands(const OpSchema& op, const std::vector<Value>& inputs, SourceLocation where,
                     std::string_view subject);

  /// The node with exactly that name, or nothing after an error. The inputs are valid here.
  const Node* addNode(const OpSchema& op, const std::vector<Value>& inputs, Attributes attributes, std::string name,
                      SourceLocation where);
  /// As addNode, for names that the user chose: refuses one that is taken or malformed.
  const Node* addNamedNode(const OpSchema& op, const std::vector<Value>& inputs, Attributes attributes,
                           std::string name, SourceLocation where);

  /// Records KILN-G0019 and returns true inside a function body.
  bool refuseInFunction(std::string_view what, std::string_view why, SourceLocation where);
  /// Records what is wrong with a derivative: KILN-G0210, G0211, G0213, and KILN-G0212 where only nodes without a
  /// derivative lead from an x to the ys, also within functions.
  bool checkDerivative(const DerivativeRequest& request, Where where);
  bool checkDifferentiable(const std::vector<Value>& ys, const std::vector<Value>& xs, SourceLocation where,
                           std::string_view subject);
  /// Whether all that the ys owe to the xs is computed in the current body; records KILN-G0210.
  bool checkInside(const std::vector<Value>& ys, const std::vector<Value>& xs, DifferentiablePaths& paths,
                   SourceLocation where, std::string_view subject);
};

}  // namespace kiln
