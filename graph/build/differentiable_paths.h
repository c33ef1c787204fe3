// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Through which nodes derivatives pass, functions included. Private to graph/build.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace kiln {

/// A node through which no derivative passes, and why.
struct Obstacle {
  const Node* node = nullptr;
  std::string function;  ///< The function that it is in; "" for the body that was asked about.
  std::string reason;
};

/// How one value depends on another.
struct Dependence {
  enum Kind : char {
    kNone,
    kBlocked,  ///< Only through obstacles.
    kDifferentiable
  };
  Kind kind = kNone;
  int obstacle = -1;  ///< When blocked: the one nearest to the value that depends.
};

/// Finds dependences in bodies. The functions outlive it and do not change. Not thread-safe.
class DifferentiablePaths {
 public:
  explicit DifferentiablePaths(const std::map<std::string, Function>& functions) : functions_(functions) {}

  /// How any of `ys` depends on each value of the body, by node and output. `function` names the body in obstacles.
  std::vector<std::vector<Dependence>> dependences(const Body& body, const std::vector<ValueRef>& ys,
                                                   const std::string& function);
  const Obstacle& obstacle(int index) const { return obstacles_[index]; }

 private:
  /// [result][input]
  using Flow = std::vector<std::vector<Dependence>>;

  const Flow& flowOf(const std::string& function);
  Flow flowOf(const Node& node);
  Flow loopFlow(const Node& node, const Flow& body, size_t numLeading);
  int addObstacle(const Node& node, const std::string& function, std::string reason);

  const std::map<std::string, Function>& functions_;
  std::map<std::string, Flow> flows_;
  std::vector<Obstacle> obstacles_;
};

}  // namespace kiln
