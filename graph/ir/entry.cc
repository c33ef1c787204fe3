// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "graph/ir/linear_dim.h"
#include "graph/ir/verify.h"

namespace kiln {
namespace {

bool isOp(const Node& node, std::string_view op) { return node.op->name == op; }

std::string variableOf(const Body& body, NodeId assign) { return body.node(body.node(assign).inputs[0].node).name; }

// The nodes that a run of the entry needs.
std::vector<NodeId> sliceOf(const Body& body, const Entry& entry) {
  std::vector<NodeId> roots = entry.targets;
  for (const Port& port : entry.fetches) {
    roots.push_back(port.value.node);
  }
  return body.slice(roots);
}

void checkAssignments(const Body& body, const Entry& entry, ErrorList& errors) {
  std::unordered_map<NodeId, NodeId> assignOf;
  for (NodeId assign : assignsOf(body, entry.targets)) {
    auto [other, isNew] = assignOf.emplace(body.node(assign).inputs[0].node, assign);
    if (!isNew) {
      errors.add(diagnose(makeError<ErrorId::kG0034>(variableOf(body, assign), entry.name,
                                                     body.node(other->second).name, body.node(assign).name),
                          body.node(assign).location));
    }
  }
}

}  // namespace

std::vector<NodeId> assignsOf(const Body& body, const std::vector<NodeId>& targets) {
  std::vector<NodeId> assigns;
  std::unordered_set<NodeId> seen;
  auto visit = [&](NodeId id) {
    if (isOp(body.node(id), "assign") && seen.insert(id).second) {
      assigns.push_back(id);
    }
  };
  for (NodeId target : targets) {
    if (!isOp(body.node(target), "group")) {
      visit(target);
      continue;
    }
    for (ValueRef input : body.node(target).inputs) {
      visit(input.node);
    }
  }
  return assigns;
}

void checkSymbols(const Body& body, const std::vector<NodeId>& slice, const std::vector<ValueRef>& feeds,
                  std::string_view source, ErrorList& errors) {
  std::unordered_set<std::string> known;
  for (ValueRef feed : feeds) {
    for (const Dim& d : body.type(feed).shape) {
      if (auto linear = linearDim(d)) {
        known.insert(linear->symbol);
      }
    }
  }
  auto check = [&](const Node& node, const Shape& shape) {
    for (const Dim& d : shape) {
      if (d.isStatic()) {
        continue;
      }
      for (const std::string& symbol : d.symbols()) {
        if (known.insert(symbol).second) {  // reported once
          errors.add(diagnose(makeError<ErrorId::kG0014>(symbol, describe(node), source), node.location));
        }
      }
    }
  };
  for (NodeId id : slice) {
    const Node& node = body.node(id);
    for (const ValueType& type : node.outputs) {
      check(node, type.shape);
    }
    if (isOp(node, "shape_value")) {
      check(node, node.attributes.get<Shape>("shape"));
    } else if (isOp(node, "bind_dim")) {
      known.insert(node.attributes.get<std::string>("symbol"));  // for the nodes after it
    }
  }
}

void checkEntry(const Body& body, const Entry& entry, ErrorList& errors) {
  auto fail = [&](Status status) { errors.add(diagnose(status, entry.location)); };
  if (Status name = checkName(entry.name); !name.ok()) {
    fail(name);
  }
  const auto isValue = [&](ValueRef value) {
    return value.node >= 0 && value.node < static_cast<NodeId>(body.nodes.size()) && value.output >= 0 &&
           value.output < static_cast<int32_t>(body.nodes[value.node].outputs.size());
  };
  const size_t before = errors.size();
  auto checkPorts = [&](const std::vector<Port>& ports, const char* kind, const char* kinds) {
    std::set<std::string_view> names;
    for (const Port& port : ports) {
      if (!isValue(port.value)) {
        fail(makeError<ErrorId::kG0010>(entry.name, kind, port.name));
      } else if (!names.insert(port.name).second) {
        fail(makeError<ErrorId::kG0011>(entry.name, kinds, port.name));
      }
    }
  };
  checkPorts(entry.feeds, "feed", "feeds");
  checkPorts(entry.fetches, "fetch", "fetches");
  std::set<ValueRef> fed;
  std::vector<ValueRef> feeds;
  for (const Port& port : entry.feeds) {
    if (!isValue(port.value)) {
      continue;
    }
    if (!isOp(body.node(port.value.node), "placeholder")) {
      fail(makeError<ErrorId::kG0012>(entry.name, port.name, describe(body.node(port.value.node))));
    } else if (!fed.insert(port.value).second) {
      fail(makeError<ErrorId::kG0011>(entry.name, "feeds", body.node(port.value.node).name));
    }
    feeds.push_back(port.value);
  }
  for (NodeId target : entry.targets) {
    if (target < 0 || target >= static_cast<NodeId>(body.nodes.size())) {
      fail(makeError<ErrorId::kG0010>(entry.name, "target", std::to_string(target)));
    } else if (!isOp(body.node(target), "assign") && !isOp(body.node(target), "group")) {
      fail(makeError<ErrorId::kG0013>(entry.name, body.node(target).name, describe(body.node(target))));
    }
  }
  if (errors.size() != before) {
    return;  // the rest follows the references
  }
  checkAssignments(body, entry, errors);
  const std::vector<NodeId> slice = sliceOf(body, entry);
  for (NodeId id : slice) {
    if (isOp(body.node(id), "placeholder") && !fed.contains({id, 0})) {
      fail(makeError<ErrorId::kG0035>(entry.name, body.node(id).name));
    }
  }
  if (errors.size() == before) {
    checkSymbols(body, slice, feeds, "feed of entry '" + entry.name + "'", errors);
  }
}

StatusOr<Entry> makeEntry(const Graph& graph, std::string name, const std::vector<std::string>& feeds,
                          const std::vector<std::string>& fetches, const std::vector<std::string>& targets) {
  const Body& body = graph.body();
  Entry entry;
  entry.name = std::move(name);
  auto namesOf = [&](auto&& accepts) {
    std::vector<std::string> names;
    for (const Node& node : body.nodes) {
      if (accepts(node)) {
        names.push_back(node.name);
      }
    }
    return names;
  };
  for (const std::string& feed : feeds) {
    StatusOr<ValueRef> value = graph.findValue(feed);
    if (!value.ok()) {
      return makeError<ErrorId::kG0031>(
          feed, didYouMean(feed, namesOf([](const Node& n) { return isOp(n, "placeholder"); })));
    }
    entry.feeds.push_back({feed, *value});
  }
  for (const std::string& fetch : fetches) {
    StatusOr<ValueRef> value = graph.findValue(fetch);
    if (!value.ok()) {
      return makeError<ErrorId::kG0032>(fetch,
                                        didYouMean(fetch, namesOf([](const Node& n) { return !n.outputs.empty(); })));
    }
    entry.fetches.push_back({fetch, *value});
  }
  for (const std::string& target : targets) {
    const Node* node = graph.findNode(target);
    if (node == nullptr) {
      return makeError<ErrorId::kG0033>(
          target, didYouMean(target, namesOf([](const Node& n) { return isOp(n, "assign") || isOp(n, "group"); })));
    }
    entry.targets.push_back(node->id);
  }
  ErrorList errors;
  checkEntry(body, entry, errors);
  KILN_RETURN_IF_ERROR(errors.status());
  addRandomAdvance(body, graph.findNode(kRandomStateAdvance), entry);
  return entry;
}

void addRandomAdvance(const Body& body, const Node* advance, Entry& entry) {
  if (advance == nullptr || !isOp(*advance, "assign")) {
    return;
  }
  for (NodeId assign : assignsOf(body, entry.targets)) {
    if (assign == advance->id || body.node(assign).inputs[0] == advance->inputs[0]) {
      return;
    }
  }
  // What a loop or branch is given of the state, its body draws from.
  auto draws = [&](const Node& node) {
    return drawsRandomNumbers(node) ||
           (std::find(node.inputs.begin(), node.inputs.end(), advance->inputs[0]) != node.inputs.end() &&
            !calleesOf(*node.op, node.attributes).empty());
  };
  for (NodeId id : sliceOf(body, entry)) {
    if (draws(body.node(id))) {
      entry.targets.push_back(advance->id);
      return;
    }
  }
}

}  // namespace kiln
