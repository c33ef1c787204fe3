// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/verify.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "graph/ir/inference.h"

namespace kiln {
namespace {

// Each entry is checked by a walk over the graph. Models have a handful.
constexpr size_t kMostEntries = 1000;

// Calls repeat the results of a function, so a file may stand for far more values than it has bytes. A graph of a
// million nodes stays below.
constexpr size_t kMostValues = 4'000'000;

using NamesToIds = std::unordered_map<std::string_view, NodeId>;

std::string nodeCount(const Body& body) {
  return std::to_string(body.nodes.size()) + (body.nodes.size() == 1 ? " node" : " nodes");
}

// Infers every node of a body in place and checks what can be seen at one node. What depends on a node with an error is
// passed over, so that each cause is reported once.
class BodyCheck {
 public:
  // `valueCount` runs through all bodies of a graph.
  BodyCheck(Body& body, const GraphData& data, const std::string* function, size_t& valueCount, ErrorList& errors)
      : body_(body), function_(function), valueCount_(valueCount), errors_(errors), inference_(body, data.functions) {}

  // `broken` names functions with errors of their own.
  void run(const std::unordered_set<std::string>& broken) {
    NamesToIds names;
    names.reserve(body_.nodes.size());
    poisoned_.assign(body_.nodes.size(), 0);
    for (size_t i = 0; i < body_.nodes.size() && !errors_.isFull(); ++i) {
      Node& node = body_.nodes[i];
      node.id = static_cast<NodeId>(i);
      if (node.op == nullptr) {
        errors_.add(diagnose(makeError<ErrorId::kG0008>(i, node.name), node.location));
        poisoned_[i] = 1;
        continue;
      }
      fail(node, checkName(node.name));
      auto [other, isNew] = names.emplace(node.name, node.id);
      if (!isNew) {
        const Node& first = body_.nodes[other->second];
        fail(node,
             withNote(makeError<ErrorId::kG0001>(describe(first)), first.location, describe(first) + " was made here"));
      }
      if (valueCount_ > kMostValues) {
        errors_.add(diagnose(makeError<ErrorId::kG0024>(kMostValues, "values"), node.location));
        return;
      }
      if (!checkInputs(node) || callsBroken(node, broken)) {
        poisoned_[i] = 1;
        continue;
      }
      poisoned_[i] = !inferNode(node);
      valueCount_ += node.outputs.size();
      if (poisoned_[i] == 0) {
        checkState(node);
      }
    }
  }

  bool isPoisoned(NodeId id) const { return poisoned_[id] != 0; }

 private:
  void fail(const Node& node, const Status& status) {
    if (!status.ok()) {
      errors_.add(diagnose(status, node.location, describe(node)));
    }
  }

  bool checkInputs(const Node& node) {
    bool isFine = true;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueRef input = node.inputs[i];
      if (input.node < 0 || input.node >= static_cast<NodeId>(body_.nodes.size())) {
        fail(node, makeError<ErrorId::kG0002>(
                       i, "node " + std::to_string(input.node) + " of a body with " + nodeCount(body_)));
        isFine = false;
      } else if (input.node >= node.id) {
        fail(node, makeError<ErrorId::kG0003>(i, body_.nodes[input.node].name));
        isFine = false;
      } else if (isPoisoned(input.node)) {
        isFine = false;
      } else if (const Node& maker = body_.nodes[input.node];
                 input.output < 0 || input.output >= static_cast<int32_t>(maker.outputs.size())) {
        fail(node, makeError<ErrorId::kG0002>(i, "output " + std::to_string(input.output) + " of " + describe(maker) +
                                                     ", which has " + std::to_string(maker.outputs.size())));
        isFine = false;
      }
    }
    return isFine;
  }

  static bool callsBroken(const Node& node, const std::unordered_set<std::string>& broken) {
    if (broken.empty()) {
      return false;
    }
    const std::vector<std::string> callees = calleesOf(*node.op, node.attributes);
    return std::any_of(callees.begin(), callees.end(), [&](const std::string& name) { return broken.contains(name); });
  }

  bool inferNode(Node& node) {
    const std::vector<ValueType> stored = std::move(node.outputs);
    node.outputs.clear();
    Status status = inference_.infer(node);
    if (!status.ok()) {
      Status error = diagnose(status, node.location, describe(node));
      for (size_t i = 0; i < node.inputs.size() && i < kNotedInputs; ++i) {
        const Node& maker = body_.nodes[node.inputs[i].node];
        error = withNote(error, maker.location,
                         describe(maker) + " was made here: " + body_.type(node.inputs[i]).toString());
      }
      errors_.add(error);
      return false;
    }
    if (!stored.empty() && stored != node.outputs) {
      size_t i = 0;
      while (i < stored.size() && i < node.outputs.size() && stored[i] == node.outputs[i]) {
        ++i;
      }
      auto textAt = [i](const std::vector<ValueType>& types) {
        return i < types.size() ? types[i].toString() : std::string("none");
      };
      fail(node, makeError<ErrorId::kG0005>(i, textAt(stored), textAt(node.outputs)));
      return false;
    }
    return true;
  }

  void checkState(const Node& node) {
    const std::string_view op = node.op->name;
    if (op == "assign" && body_.node(node.inputs[0].node).op->name != "variable") {
      fail(node, makeError<ErrorId::kG0018>(describe(body_.node(node.inputs[0].node))));
    }
    if (function_ != nullptr && (op == "variable" || op == "assign" || op == "group")) {
      errors_.add(
          diagnose(makeError<ErrorId::kG0019>(describe(node), *function_, "functions have no state"), node.location));
    }
  }

  static constexpr size_t kNotedInputs = 3;
  Body& body_;
  const std::string* function_;
  size_t& valueCount_;
  ErrorList& errors_;
  BodyInference inference_;
  std::vector<char> poisoned_;
};

std::vector<std::string> calleesOf(const Body& body) {
  std::vector<std::string> callees;
  for (const Node& node : body.nodes) {
    if (node.op != nullptr) {
      const std::vector<std::string> names = calleesOf(*node.op, node.attributes);
      callees.insert(callees.end(), names.begin(), names.end());
    }
  }
  return callees;
}

// The functions with every callee before its callers. Functions on a cycle are reported and left out.
std::vector<std::string> orderFunctions(const GraphData& data, ErrorList& errors) {
  enum class State { kNew, kOpen, kDone, kOnCycle };
  struct Frame {
    std::string name;
    std::vector<std::string> callees;
    size_t next = 0;
  };
  // Hostile files may call back and forth between thousands of functions; a few chains tell the user enough.
  constexpr int kMaxChains = 20;
  int numChains = 0;
  std::map<std::string, State> states;
  std::vector<std::string> order;
  for (const auto& [root, unused] : data.functions) {
    if (states[root] != State::kNew) {
      continue;
    }
    std::vector<Frame> stack;
    auto open = [&](const std::string& name) {
      states[name] = State::kOpen;
      stack.push_back({name, calleesOf(data.functions.at(name).body)});
    };
    open(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.callees.size()) {
        if (states[top.name] == State::kOpen) {
          states[top.name] = State::kDone;
          order.push_back(top.name);
        }
        stack.pop_back();
        continue;
      }
      const std::string callee = top.callees[top.next++];
      if (!data.functions.contains(callee) || states[callee] == State::kDone || numChains == kMaxChains) {
        continue;  // an unknown one is reported at the call
      }
      if (states[callee] == State::kNew) {
        open(callee);
      } else if (auto start =
                     std::find_if(stack.begin(), stack.end(), [&](const Frame& f) { return f.name == callee; });
                 start != stack.end()) {
        ++numChains;
        std::string chain;
        for (auto frame = start; frame != stack.end(); ++frame) {
          states[frame->name] = State::kOnCycle;
          chain += "'" + frame->name + "' calls ";
        }
        const Body& caller = data.functions.at(stack.back().name).body;
        SourceLocation where;
        for (const Node& node : caller.nodes) {
          const std::vector<std::string> names =
              node.op == nullptr ? std::vector<std::string>() : calleesOf(*node.op, node.attributes);
          if (std::find(names.begin(), names.end(), callee) != names.end()) {
            where = node.location;
            break;
          }
        }
        errors.add(diagnose(makeError<ErrorId::kG0006>(chain + "'" + callee + "'"), where));
      }
    }
  }
  return order;
}

void checkFunction(GraphData& data, Function& function, std::unordered_set<std::string>& broken, size_t& valueCount,
                   ErrorList& errors) {
  const size_t before = errors.size();
  if (Status name = checkName(function.name); !name.ok()) {
    errors.add(name);
  }
  BodyCheck check(function.body, data, &function.name, valueCount, errors);
  check.run(broken);
  const Body& body = function.body;
  auto fail = [&](const std::string& what) { errors.add(makeError<ErrorId::kG0020>(function.name, what)); };
  auto isValue = [&](ValueRef value) {
    return value.node >= 0 && value.node < static_cast<NodeId>(body.nodes.size()) && value.output >= 0 &&
           value.output < static_cast<int32_t>(body.nodes[value.node].outputs.size());
  };
  std::unordered_set<NodeId> parameters;
  for (size_t i = 0; i < function.parameters.size() && errors.size() == before; ++i) {
    const ValueRef value = function.parameters[i];
    if (!isValue(value) || body.node(value.node).op->name != "placeholder" || !parameters.insert(value.node).second) {
      fail("parameter " + std::to_string(i) + " is no placeholder of its own in the body");
    }
  }
  for (size_t i = 0; i < function.results.size() && errors.size() == before; ++i) {
    if (!isValue(function.results[i])) {
      fail("result " + std::to_string(i) + " is no value of the body");
    }
  }
  if (errors.size() == before) {
    std::vector<NodeId> all(body.nodes.size());
    for (const Node& node : body.nodes) {
      all[node.id] = node.id;
      if (node.op->name == "placeholder" && !parameters.contains(node.id)) {
        fail("its placeholder '" + node.name + "' is no parameter");
      }
    }
    checkSymbols(body, all, function.parameters, "parameter of function '" + function.name + "'", errors);
  }
  if (errors.size() != before) {
    broken.insert(function.name);
  }
}

void checkWeights(const GraphData& data, const std::map<std::string, NodeId, std::less<>>& names, ErrorList& errors) {
  for (const auto& [name, value] : data.weights) {
    if (errors.isFull()) {
      return;
    }
    auto found = names.find(name);
    if (found == names.end() || data.body.node(found->second).op->name != "variable") {
      std::vector<std::string> known;
      for (const Node& node : data.body.nodes) {
        if (node.op->name == "variable") {
          known.push_back(node.name);
        }
      }
      errors.add(makeError<ErrorId::kG0016>(name, didYouMean(name, known)));
      continue;
    }
    const ValueType& wanted = data.body.type({found->second, 0});
    const ValueType given = value == nullptr ? ValueType{} : ValueType{value->dtype(), Shape::of(value->dims())};
    if (given != wanted) {
      errors.add(diagnose(makeError<ErrorId::kG0017>(name, given.toString(), wanted.toString()),
                          data.body.node(found->second).location));
    }
  }
}

}  // namespace

Status checkName(std::string_view name) {
  const char* problem = nullptr;
  if (name.empty()) {
    problem = "it is empty";
  } else if (name.front() == '^' || name.front() == '/') {
    problem = "it starts with a character that has a meaning of its own";
  }
  for (unsigned char c : name) {
    if (c <= ' ' || c == 0x7F) {
      problem = "it has a space or control character";
    } else if (c == ':') {
      problem = "it has a ':'";
    }
  }
  if (name.find("//") != std::string_view::npos || name.find('@') != std::string_view::npos) {
    problem = "it has '//' or '@', by which values inside a body are named";
  }
  return problem == nullptr ? absl::OkStatus() : makeError<ErrorId::kG0004>(name, problem);
}

StatusOr<Graph> Graph::create(GraphData data) {
  ErrorList errors;
  for (const auto& [symbol, range] : data.symbols) {
    if (range.min < 0 || range.max < range.min || range.max > DimRange::kUnbounded) {
      errors.add(makeError<ErrorId::kG0015>(symbol, range.min, range.max));
    }
  }
  if (data.entries.size() > kMostEntries) {
    return makeError<ErrorId::kG0024>(kMostEntries, "entries");
  }
  size_t valueCount = 0;
  std::unordered_set<std::string> broken;
  for (const auto& [name, function] : data.functions) {
    broken.insert(name);  // until it is checked; those on a cycle stay
  }
  for (const std::string& name : orderFunctions(data, errors)) {
    broken.erase(name);
    Function& function = data.functions.at(name);
    if (function.name != name) {
      errors.add(makeError<ErrorId::kG0020>(name, "it is stored under this name, and named '" + function.name + "'"));
    }
    checkFunction(data, function, broken, valueCount, errors);
  }
  BodyCheck check(data.body, data, nullptr, valueCount, errors);
  check.run(broken);
  // What follows looks nodes up by reference, which is only meaningful in a valid body.
  auto names = std::make_shared<std::map<std::string, NodeId, std::less<>>>();
  if (errors.empty()) {
    std::vector<NodeId> sorted(data.body.nodes.size());
    for (size_t i = 0; i < sorted.size(); ++i) {
      sorted[i] = static_cast<NodeId>(i);
    }
    std::sort(sorted.begin(), sorted.end(),
              [&](NodeId a, NodeId b) { return data.body.node(a).name < data.body.node(b).name; });
    for (NodeId id : sorted) {
      names->emplace_hint(names->end(), data.body.node(id).name, id);
    }
    std::unordered_set<std::string_view> entryNames;
    for (const Entry& entry : data.entries) {
      if (!entryNames.insert(entry.name).second) {
        errors.add(diagnose(makeError<ErrorId::kG0009>(entry.name), entry.location));
      }
      checkEntry(data.body, entry, errors);
    }
    checkWeights(data, *names, errors);
  }
  if (!errors.empty()) {
    return errors.status();
  }
  Graph graph;
  graph.data_ = std::make_shared<const GraphData>(std::move(data));
  graph.byName_ = std::move(names);
  return graph;
}

}  // namespace kiln
