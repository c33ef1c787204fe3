// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "graph/io/tensorflow/extractor.h"

namespace kiln::tensorflow {
namespace {

using Kind = ProgramNode::Kind;

constexpr int kDeepestNesting = 32;
constexpr int64_t kMostGuards = 4'000'000;
// Looking for merges that one branch can give together; without them the result is the same with more branches.
constexpr int64_t kMostSearchSteps = 20'000'000;

bool isOp(const ProgramNode& node, std::string_view op) {
  return node.kind == Kind::kOperation && node.def->op() == op;
}

Status refuse(const ProgramNode& node, std::string_view why) {
  return makeError<ErrorId::kG0501>(describe(*node.def) + ": " + std::string(why));
}

Status raiseBranches(Program& program, int depth, int64_t& budget);

/// Makes a loop of each frame: Enter brings values into it, Merge joins the first ones with those of NextIteration,
/// Switch sends them to the body or to Exit as LoopCond says.
class LoopRaiser {
 public:
  LoopRaiser(Program& program, int64_t& budget) : program_(program), budget_(budget) {}

  Status run() {
    KILN_RETURN_IF_ERROR(findFrames());
    for (size_t frame = frames_.size(); frame-- > 1;) {  // inner frames come after those around them
      KILN_RETURN_IF_ERROR(raiseFrame(static_cast<int>(frame)));
    }
    return frames_.size() > 1 ? tidy(program_) : Status();
  }

 private:
  struct Frame {
    int parent = 0, depth = 0;
    std::vector<int32_t> members;
  };
  struct Variable {
    int32_t merge = -1, next = -1;
    Source initial;
  };

  ProgramNode& node(int32_t id) { return program_.nodes[static_cast<size_t>(id)]; }

  Status findFrames() {
    frames_.emplace_back();
    frameOf_.assign(program_.nodes.size(), 0);
    std::map<std::pair<int, std::string>, int> byName;
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      const ProgramNode& n = program_.nodes[i];
      int frame = 0;
      auto meet = [&](int32_t input) {
        // A loop edge comes from a node whose frame is not known yet.
        const int other = static_cast<size_t>(input) < i ? frameOf_[static_cast<size_t>(input)] : 0;
        frame = frames_[static_cast<size_t>(other)].depth > frames_[static_cast<size_t>(frame)].depth ? other : frame;
      };
      for (const Source& input : n.inputs) {
        meet(input.node);
      }
      for (const int32_t control : n.controls) {
        meet(control);
      }
      if (isOp(n, "Enter")) {
        auto name = n.def->attr().find("frame_name");
        if (name == n.def->attr().end() || n.inputs.size() != 1) {
          return makeError<ErrorId::kG0502>(describe(*n.def), "it has one input and the attribute frame_name");
        }
        auto [found, isNew] = byName.emplace(std::pair(frame, name->second.s()), static_cast<int>(frames_.size()));
        if (isNew) {
          const int depth = frames_[static_cast<size_t>(frame)].depth + 1;
          if (depth > kDeepestNesting) {
            return makeError<ErrorId::kG0507>(describe(*n.def), "loops are nested",
                                              std::to_string(kDeepestNesting) + " levels");
          }
          frames_.push_back({.parent = frame, .depth = depth, .members = {}});
        }
        frame = found->second;
      } else if (isOp(n, "Exit")) {
        if (frame == 0 || n.inputs.size() != 1) {
          return refuse(n, "it leaves no loop");
        }
        exits_[frame].push_back(static_cast<int32_t>(i));
        frame = frames_[static_cast<size_t>(frame)].parent;
      }
      frameOf_[i] = frame;
      frames_[static_cast<size_t>(frame)].members.push_back(static_cast<int32_t>(i));
    }
    return {};
  }

  Status raiseFrame(int frame) {
    std::vector<Variable> variables;
    std::unordered_map<int32_t, int32_t> numberOf;  // of merges
    int32_t condition = -1;
    const std::vector<int32_t>& members = frames_[static_cast<size_t>(frame)].members;
    for (const int32_t id : members) {
      const ProgramNode& n = node(id);
      if (isOp(n, "LoopCond")) {
        if (condition >= 0 || n.inputs.size() != 1) {
          return refuse(n, "its loop has another condition");
        }
        condition = id;
      } else if (isOp(n, "Merge") && n.inputs.size() == 2) {
        const bool isFirst = isOp(node(n.inputs[0].node), "NextIteration");
        const bool isSecond = isOp(node(n.inputs[1].node), "NextIteration");
        if (!isFirst && !isSecond) {
          continue;
        }
        Variable variable{.merge = id, .next = n.inputs[isFirst ? 0 : 1].node, .initial = {}};
        const ProgramNode& enter = node(n.inputs[isFirst ? 1 : 0].node);
        if (isFirst == isSecond || !isOp(enter, "Enter") || node(variable.next).inputs.size() != 1) {
          return refuse(n, "not in the form of tf.while_loop");
        }
        variable.initial = enter.inputs[0];
        numberOf.emplace(id, static_cast<int32_t>(variables.size()));
        variables.push_back(variable);
      }
    }
    if (condition < 0) {
      return members.empty() ? Status() : refuse(node(members[0]), "its loop has no condition");
    }
    // The loop variable that a Switch of the loop decides about.
    auto switched = [&](const ProgramNode& n) -> std::optional<int32_t> {
      if (!isOp(n, "Switch") || n.inputs.size() != 2) {
        return std::nullopt;
      }
      auto found = numberOf.find(n.inputs[0].node);
      return found != numberOf.end() && resolveIdentity(program_, n.inputs[1]).node == condition
                 ? std::optional(found->second)
                 : std::nullopt;
    };
    Captures captures(variables.size());
    Classify classify = [&](Source source) -> StatusOr<std::optional<int32_t>> {
      const ProgramNode& n = node(source.node);
      if (auto found = numberOf.find(source.node); found != numberOf.end()) {
        return std::optional(found->second);
      }
      if (auto number = switched(n)) {
        if (source.output != 1) {
          return refuse(n, "its loop uses what leaves the loop");
        }
        return number;
      }
      if (frameOf_[static_cast<size_t>(source.node)] != frame) {
        return std::optional(captures.numberOf(resolveIdentity(program_, source)));
      }
      if (isOp(n, "Enter")) {
        return std::optional(captures.numberOf(resolveIdentity(program_, n.inputs[0])));
      }
      return std::nullopt;
    };
    auto keepsControl = [&](int32_t id) {
      const ProgramNode& n = node(id);
      return frameOf_[static_cast<size_t>(id)] == frame && !numberOf.contains(id) && !switched(n) &&
             !isOp(n, "Enter") && !isOp(n, "NextIteration") && id != condition;
    };
    std::vector<Source> next;
    for (const Variable& variable : variables) {
      next.push_back(node(variable.next).inputs[0]);
    }
    Extractor first(program_, classify, keepsControl, budget_), second(program_, classify, keepsControl, budget_);
    KILN_ASSIGN_OR_RETURN(auto test, first.run({node(condition).inputs[0]}));
    KILN_ASSIGN_OR_RETURN(auto body, second.run(next));
    for (const auto& [extractor, part] : {std::pair(&first, test.get()), std::pair(&second, body.get())}) {
      extractor->finishParameters(captures.count());
      KILN_RETURN_IF_ERROR(tidy(*part));
      KILN_RETURN_IF_ERROR(raiseBranches(*part, 0, budget_));
    }
    ProgramNode loop{
        .kind = Kind::kLoop, .def = node(condition).def, .inputs = {}, .controls = {}, .first = test, .second = body};
    for (const Variable& variable : variables) {
      loop.inputs.push_back(variable.initial);
    }
    loop.inputs.insert(loop.inputs.end(), captures.sources().begin(), captures.sources().end());
    const auto place = static_cast<int32_t>(program_.nodes.size());
    const int parent = frames_[static_cast<size_t>(frame)].parent;
    for (const int32_t exit : exits_[frame]) {
      auto number = switched(node(node(exit).inputs[0].node));
      if (!number || node(exit).inputs[0].output != 0) {
        return refuse(node(exit), "it does not leave its loop by a Switch");
      }
      node(exit).kind = Kind::kForward;
      node(exit).inputs = {{place, *number}};
      node(exit).controls.clear();
    }
    program_.nodes.push_back(std::move(loop));
    frameOf_.push_back(parent);
    return {};
  }

  Program& program_;
  int64_t& budget_;
  std::vector<Frame> frames_;
  std::vector<int> frameOf_;
  std::map<int, std::vector<int32_t>> exits_;
};

/// Makes branches of Merge nodes. What runs only when a condition has a certain value is known by its guards: those of
/// its inputs, and what a Switch adds.
class BranchRaiser {
 public:
  BranchRaiser(Program& program, int depth, int64_t& budget) : program_(program), depth_(depth), budget_(budget) {}

  Status run() {
    if (std::ranges::none_of(program_.nodes, [](const ProgramNode& n) { return isOp(n, "Merge"); })) {
      return {};
    }
    if (depth_ > kDeepestNesting) {
      return makeError<ErrorId::kG0507>("in '" + program_.name + "'", "branches are nested",
                                        std::to_string(kDeepestNesting) + " levels");
    }
    findConditions();
    KILN_RETURN_IF_ERROR(findGuards());
    for (const std::vector<Join>& group : groups()) {
      KILN_RETURN_IF_ERROR(raise(group));
    }
    return tidy(program_);
  }

 private:
  using Guards = std::vector<std::pair<int32_t, int32_t>>;  // condition and its value, sorted
  struct Join {
    int32_t node = -1, condition = -1;
    Source whenFalse, whenTrue;
  };

  ProgramNode& node(int32_t id) { return program_.nodes[static_cast<size_t>(id)]; }

  bool isSwitch(int32_t id) { return conditionOf_[static_cast<size_t>(id)] >= 0; }

  // What the nodes of Switch ask, each once. Known before branches are made, since those change what stands where.
  void findConditions() {
    conditionOf_.assign(program_.nodes.size(), -1);
    std::map<Source, int32_t> numbers;
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      const ProgramNode& n = program_.nodes[i];
      if (isOp(n, "Switch") && n.inputs.size() == 2) {
        const Source source = resolveIdentity(program_, n.inputs[1]);
        auto [found, isNew] = numbers.emplace(source, static_cast<int32_t>(conditionSources_.size()));
        if (isNew) {
          conditionSources_.push_back(source);
        }
        conditionOf_[i] = found->second;
      }
    }
  }

  static std::optional<int32_t> find(const Guards& guards, int32_t condition) {
    auto found = std::ranges::lower_bound(guards, std::pair(condition, 0));
    return found != guards.end() && found->first == condition ? std::optional(found->second) : std::nullopt;
  }

  static Guards without(Guards guards, int32_t condition) {
    std::erase_if(guards, [&](const auto& guard) { return guard.first == condition; });
    return guards;
  }

  // False when they contradict each other.
  static bool unite(Guards& guards, const Guards& more) {
    Guards both;
    std::ranges::set_union(guards, more, std::back_inserter(both));
    guards = std::move(both);
    return std::ranges::adjacent_find(guards, {}, [](const auto& guard) { return guard.first; }) == guards.end();
  }

  StatusOr<Guards> guardsOf(Source source) {
    Guards guards = guards_[static_cast<size_t>(source.node)];
    if (isSwitch(source.node) && !unite(guards, {{conditionOf_[static_cast<size_t>(source.node)], source.output}})) {
      return refuse(node(source.node), "its output is never there");
    }
    return guards;
  }

  Status findGuards() {
    guards_.resize(program_.nodes.size());
    int64_t total = 0;
    for (size_t i = 0; i < program_.nodes.size(); ++i) {
      const ProgramNode& n = program_.nodes[i];
      Guards& guards = guards_[i];
      if (isOp(n, "Merge")) {
        KILN_RETURN_IF_ERROR(join(static_cast<int32_t>(i)));
      } else {
        bool isFine = true;
        for (const Source& input : n.inputs) {
          KILN_ASSIGN_OR_RETURN(const Guards more, guardsOf(input));
          isFine &= unite(guards, more);
        }
        for (const int32_t control : n.controls) {
          isFine &= unite(guards, guards_[static_cast<size_t>(control)]);
        }
        if (!isFine) {
          return refuse(n, "it needs both sides of a branch");
        }
      }
      total += static_cast<int64_t>(guards.size());
      if (total > kMostGuards) {
        return n.def == nullptr ? Status() : expandsTooFar(n);
      }
    }
    return {};
  }

  Status join(int32_t id) {
    const ProgramNode& n = node(id);
    if (n.inputs.size() != 2) {
      return refuse(n, "it does not join two values");
    }
    KILN_ASSIGN_OR_RETURN(const Guards a, guardsOf(n.inputs[0]));
    KILN_ASSIGN_OR_RETURN(const Guards b, guardsOf(n.inputs[1]));
    std::vector<std::pair<int32_t, bool>> opposed, alone;  // condition, and whether the second input is the true one
    for (const auto& [condition, value] : a) {
      auto other = find(b, condition);
      if (other && *other != value) {
        opposed.emplace_back(condition, value == 0);
      } else if (!other) {
        alone.emplace_back(condition, value == 0);
      }
    }
    for (const auto& [condition, value] : b) {
      if (!find(a, condition)) {
        alone.emplace_back(condition, value != 0);
      }
    }
    // A value that is always there, such as a constant, may stand on one side.
    const auto& candidates = opposed.empty() ? alone : opposed;
    if (candidates.size() != 1) {
      return refuse(n, "not in the form of tf.cond");
    }
    const auto [condition, isSecondTrue] = candidates[0];
    Guards& guards = guards_[static_cast<size_t>(id)];
    guards = without(a, condition);
    bool isFine = unite(guards, without(b, condition));
    for (const int32_t control : n.controls) {
      isFine &= unite(guards, guards_[static_cast<size_t>(control)]);
    }
    if (!isFine) {
      return refuse(n, "not in the form of tf.cond");
    }
    joins_.push_back({.node = id,
                      .condition = condition,
                      .whenFalse = n.inputs[isSecondTrue ? 0 : 1],
                      .whenTrue = n.inputs[isSecondTrue ? 1 : 0]});
    return {};
  }

  // Whether the value of `join` needs that of one of the group.
  bool dependsOn(const Join& join, const std::vector<Join>& group) {
    const int32_t first = group.front().node;
    std::unordered_map<int32_t, bool> seen;
    std::vector<int32_t> open = {join.node};
    while (!open.empty()) {
      const int32_t id = open.back();
      open.pop_back();
      for (const Source& input : node(id).inputs) {
        if (--searchSteps_ < 0) {
          return true;
        }
        if (std::ranges::any_of(group, [&](const Join& other) { return other.node == input.node; })) {
          return true;
        }
        if (input.node > first && seen.emplace(input.node, true).second) {
          open.push_back(input.node);
        }
      }
    }
    return false;
  }

  // Merges that are in no other branch, those of one branch together.
  std::vector<std::vector<Join>> groups() {
    std::vector<std::vector<Join>> groups;
    std::map<int32_t, size_t> latest;  // group of a condition
    for (const Join& join : joins_) {
      if (!guards_[static_cast<size_t>(join.node)].empty()) {
        continue;
      }
      auto found = latest.find(join.condition);
      if (found != latest.end() && !dependsOn(join, groups[found->second])) {
        groups[found->second].push_back(join);
      } else {
        latest[join.condition] = groups.size();
        groups.push_back({join});
      }
    }
    return groups;
  }

  Status raise(const std::vector<Join>& group) {
    const int32_t condition = group[0].condition;
    const ProgramNode& first = node(group[0].node);
    if (!guards_[static_cast<size_t>(conditionSources_[static_cast<size_t>(condition)].node)].empty()) {
      return refuse(first, "not in the form of tf.cond");
    }
    Captures captures(0);
    std::shared_ptr<Program> parts[2];
    std::vector<Extractor> extractors;
    extractors.reserve(2);
    for (int32_t value = 0; value < 2; ++value) {
      auto capture = [&](Source source) -> StatusOr<std::optional<int32_t>> {
        source = resolveIdentity(program_, source);
        KILN_ASSIGN_OR_RETURN(const Guards guards, guardsOf(source));
        if (!guards.empty()) {
          return refuse(first, "a value of another branch is used in its branch");
        }
        return std::optional(captures.numberOf(source));
      };
      Classify classify = [this, condition, value, capture](Source source) -> StatusOr<std::optional<int32_t>> {
        const ProgramNode& n = node(source.node);
        if (conditionOf_[static_cast<size_t>(source.node)] == condition) {
          if (source.output != value) {
            return refuse(n, "its output is used in the other branch");
          }
          return capture(n.inputs[0]);
        }
        KILN_ASSIGN_OR_RETURN(const Guards guards, guardsOf(source));
        if (find(guards, condition)) {
          return std::nullopt;
        }
        return capture(source);
      };
      auto keepsControl = [this, condition](int32_t id) {
        return !isSwitch(id) && find(guards_[static_cast<size_t>(id)], condition).has_value();
      };
      std::vector<Source> results;
      for (const Join& join : group) {
        results.push_back(value == 0 ? join.whenFalse : join.whenTrue);
      }
      extractors.emplace_back(program_, classify, keepsControl, budget_);
      KILN_ASSIGN_OR_RETURN(parts[value], extractors.back().run(results));
    }
    for (int value = 0; value < 2; ++value) {
      extractors[static_cast<size_t>(value)].finishParameters(captures.count());
      KILN_RETURN_IF_ERROR(tidy(*parts[value]));
      KILN_RETURN_IF_ERROR(raiseBranches(*parts[value], depth_ + 1, budget_));
    }
    ProgramNode branch{.kind = Kind::kBranch,
                       .def = first.def,
                       .inputs = {conditionSources_[static_cast<size_t>(condition)]},
                       .controls = {},
                       .first = parts[0],
                       .second = parts[1]};
    branch.inputs.insert(branch.inputs.end(), captures.sources().begin(), captures.sources().end());
    const auto place = static_cast<int32_t>(program_.nodes.size());
    for (size_t i = 0; i < group.size(); ++i) {
      ProgramNode& merge = node(group[i].node);
      merge.kind = Kind::kForward;
      merge.inputs = {{place, static_cast<int32_t>(i)}};
    }
    program_.nodes.push_back(std::move(branch));
    guards_.emplace_back();
    conditionOf_.push_back(-1);
    return {};
  }

  Program& program_;
  int depth_;
  int64_t& budget_;
  int64_t searchSteps_ = kMostSearchSteps;
  std::vector<Guards> guards_;
  std::vector<int32_t> conditionOf_;  // of each node; -1 where it is no Switch
  std::vector<Source> conditionSources_;
  std::vector<Join> joins_;
};

Status raiseBranches(Program& program, int depth, int64_t& budget) {
  KILN_RETURN_IF_ERROR(BranchRaiser(program, depth, budget).run());
  for (ProgramNode& node : program.nodes) {
    node.controls.clear();
  }
  return tidy(program);
}

}  // namespace

Status raiseControlFlow(Program& program) {
  int64_t budget = kMostExtractedNodes;
  KILN_RETURN_IF_ERROR(LoopRaiser(program, budget).run());
  return raiseBranches(program, 0, budget);
}

}  // namespace kiln::tensorflow
