// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The nodes of a graph or of a function, with references instead of names. Private to graph/io/tensorflow.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/base/status.h"
#include "proto/wire/graph.pb.h"

namespace kiln::tensorflow {

/// Output `output` of a node.
struct Source {
  int32_t node = -1;
  int32_t output = 0;
  auto operator<=>(const Source&) const = default;
};

struct Program;

struct ProgramNode {
  enum class Kind {
    kOperation,
    kParameter,  ///< Of the program.
    kForward,    ///< Output 0 is the input.
    kBranch,     ///< Inputs: the condition, then the parameters of both `first` (taken when false) and `second`.
    kLoop,       ///< Inputs: the parameters of both `first` (the condition) and `second` (gives the first ones anew).
  };
  Kind kind = Kind::kOperation;
  const wire::NodeDef* def = nullptr;  ///< Of a branch or loop, a node that it was made of; null for parameters.
  std::vector<Source> inputs = {};
  std::vector<int32_t> controls = {};  ///< Nodes that are to run before it.
  std::shared_ptr<const Program> first = {}, second = {};
};

/// Nodes in an order in which each comes after its inputs.
struct Program {
  std::string name;  ///< Of the function; "" for the graph.
  std::vector<ProgramNode> nodes;
  std::vector<int32_t> parameters;
  std::vector<Source> results;
};

/// `'conv1' (Conv2D)`, for messages.
std::string describe(const wire::NodeDef& node);

/// The graph's nodes; results are those that are named, as `node` or `node:1`. Nodes that they do not need are left
/// out, and nodes that are `fed` have no inputs. Errors: KILN-G0402, G0502 to G0504, G0508.
StatusOr<Program> programOf(const wire::GraphDef& graph, const std::vector<std::string>& results,
                            const std::vector<std::string>& fed = {});
/// The same of a function.
StatusOr<Program> programOf(const wire::FunctionDef& function);

/// What no node uses, as `node` or `node:1`, in order: without what is for effects only, and what lies within loops and
/// branches or belongs to leftovers of them. Errors: KILN-G0402, G0502 to G0504.
StatusOr<std::vector<std::string>> outputsOf(const wire::GraphDef& graph);

/// How many outputs a node has, as far as its attributes tell.
int numOutputsOf(const wire::NodeDef& node);

/// Puts the nodes in order and drops those that no result needs. Errors: KILN-G0402.
Status tidy(Program& program);

/// The end of a chain of nodes that hand on their input.
Source resolveIdentity(const Program& program, Source source);

/// Replaces the nodes of which TensorFlow 1 makes loops (Enter, Exit, NextIteration, LoopCond) and branches (Switch,
/// Merge) by kLoop and kBranch. The patterns are those of tf.while_loop and tf.cond, and of If and While after
/// lowering: Y. Yu et al., "Dynamic Control Flow in Large-Scale Machine Learning", EuroSys 2018. Errors: KILN-G0501 for
/// other patterns, G0507.
Status raiseControlFlow(Program& program);

}  // namespace kiln::tensorflow
