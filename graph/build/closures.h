// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Nodes whose functions are lambdas. Private to graph/build.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/build/builder_state.h"
#include "graph/build/control_flow.h"

namespace kiln {

/// A parameter that a lambda's function has of its own.
struct LambdaParameter {
  std::string name;
  ValueType type;
};

/// What a lambda's function is to its node, and its parameters: `leading`, then what is captured, then `trailing`.
struct LambdaSpec {
  std::string role;  ///< `body`: the last part of the function's name.
  std::vector<LambdaParameter> leading, trailing;
  bool isLoopBody = false;  ///< The first parameter is the step.
  bool drawsNumbers = true;
};

/// A node under construction that names functions made of lambdas. All functions of a node are given the same captured
/// values.
class ClosureNode {
 public:
  ClosureNode(GraphBuilder& g, std::string_view op, std::string_view name, GraphBuilder::Where where);

  /// Makes the values operands of the current body. False, and the node fails, when one of them cannot be.
  bool take(Values& operands);
  /// Records an error at the node.
  void fail(const Status& status, const Values& culprits = {});
  bool isFine() const { return isFine_; }

  /// Runs a lambda in a body of its own; `f` gets the leading, then the trailing parameters. Gives what it returned.
  const Values& lambda(LambdaSpec spec, const std::function<Values(const Values&)>& f);
  /// Adds results to lambda number `index`, made in its body for each captured value; called once, before finish().
  void addResultsForCaptured(size_t index, const std::function<Values(const Values& captured)>& f);
  /// The name of the function of lambda number `index`.
  const std::string& functionName(size_t index) const { return lambdas_[index].name; }

  /// Makes the functions and the node, whose inputs are the operands and what was captured. After an error the results
  /// are poisoned, `expected` of them and some more.
  Values finish(Values operands, Attributes attributes, size_t expected);

 private:
  struct Lambda {
    std::string name;
    int body = -1;
    Values leading, trailing, results;
  };

  /// What any of the lambdas captured, in the enclosing body.
  std::vector<ValueRef> captured() const;

  GraphBuilder& g_;
  GraphBuilder::State& state_;
  const OpSchema& op_;
  std::string name_;
  GraphBuilder::Where where_;
  SourceLocation location_;
  std::deque<Lambda> lambdas_;
  bool isFine_ = true;
};

/// The type of a value that is not poisoned.
ValueType typeOf(const Value& value);
/// A parameter for each value, of its type: `carry0`, `carry1` ...
std::vector<LambdaParameter> parametersFor(std::string_view name, const Values& values);
/// values[begin, end)
Values sliceOf(const Values& values, size_t begin, size_t end);

}  // namespace kiln
