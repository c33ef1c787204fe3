// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/graph.h"

#include <charconv>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace kiln {

std::string_view internString(std::string_view text) {
  static std::mutex mutex;
  static auto& texts = *new std::unordered_set<std::string>();  // never destroyed: graphs may outlive static objects
  std::lock_guard lock(mutex);
  return *texts.emplace(text).first;
}

std::string SourceLocation::toString() const {
  if (!isKnown()) {
    return "";
  }
  return line > 0 ? std::string(file) + ":" + std::to_string(line) : std::string(file);
}

namespace {

// The nodes that bind dimension symbols, by symbol.
std::unordered_map<std::string, NodeId> bindingsOf(const Body& body) {
  std::unordered_map<std::string, NodeId> bindings;
  for (size_t i = 0; i < body.nodes.size(); ++i) {
    if (body.nodes[i].op->name == "bind_dim") {
      bindings.emplace(body.nodes[i].attributes.get<std::string>("symbol"), static_cast<NodeId>(i));
    }
  }
  return bindings;
}

// Calls f(symbol) for every symbol of the shapes of a node.
template <class F>
void forEachSymbol(const Node& node, F&& f) {
  const auto visit = [&](const Shape& shape) {
    for (const Dim& d : shape) {
      if (!d.isStatic()) {
        for (const std::string& symbol : d.symbols()) {
          f(symbol);
        }
      }
    }
  };
  for (const ValueType& type : node.outputs) {
    visit(type.shape);
  }
  if (node.op->name == "shape_value") {
    visit(node.attributes.get<Shape>("shape"));
  } else if (node.op->name == "scan") {
    visit(node.attributes.get<Shape>("length"));
  }
}

}  // namespace

std::vector<NodeId> Body::slice(std::span<const NodeId> roots) const {
  std::vector<char> needed(nodes.size(), 0);
  NodeId highest = -1;
  for (NodeId root : roots) {
    needed[root] = 1;
    highest = std::max(highest, root);
  }
  const std::unordered_map<std::string, NodeId> bindings = bindingsOf(*this);
  // Inputs come before their readers, and what binds a symbol before shapes that have it, so one pass from the back
  // reaches everything.
  size_t count = 0;
  for (NodeId id = highest; id >= 0; --id) {
    if (needed[id]) {
      ++count;
      for (ValueRef input : nodes[id].inputs) {
        needed[input.node] = 1;
      }
      if (!bindings.empty()) {
        forEachSymbol(nodes[id], [&](const std::string& symbol) {
          if (auto found = bindings.find(symbol); found != bindings.end() && found->second < id) {
            needed[found->second] = 1;
          }
        });
      }
    }
  }
  std::vector<NodeId> ids;
  ids.reserve(count);
  for (NodeId id = 0; id <= highest; ++id) {
    if (needed[id]) {
      ids.push_back(id);
    }
  }
  return ids;
}

Graph::Graph() {
  static const auto& emptyData = *new std::shared_ptr<const GraphData>(std::make_shared<GraphData>());
  static const auto& emptyNames = *new std::shared_ptr<const std::map<std::string, NodeId, std::less<>>>(
      std::make_shared<std::map<std::string, NodeId, std::less<>>>());
  data_ = emptyData;
  byName_ = emptyNames;
}

const Node* Graph::findNode(std::string_view name) const {
  auto found = byName_->find(name);
  return found == byName_->end() ? nullptr : &data_->body.nodes[found->second];
}

const Entry* Graph::findEntry(std::string_view name) const {
  for (const Entry& entry : data_->entries) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

StatusOr<ValueRef> Graph::findValue(std::string_view endpoint) const {
  std::string_view name = endpoint;
  int32_t output = 0;
  if (size_t colon = endpoint.rfind(':'); colon != std::string_view::npos) {
    name = endpoint.substr(0, colon);
    std::string_view digits = endpoint.substr(colon + 1);
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), output);
    if (error != std::errc() || end != digits.data() + digits.size() || output < 0) {
      output = -1;
    }
  }
  const Node* node = findNode(name);
  if (node != nullptr && output >= 0 && output < static_cast<int32_t>(node->outputs.size())) {
    return ValueRef{node->id, output};
  }
  std::vector<std::string> known;
  if (node != nullptr) {
    for (int32_t i = 0; i < static_cast<int32_t>(node->outputs.size()); ++i) {
      known.push_back(endpointName(data_->body, {node->id, i}));
    }
  } else {
    for (const Node& other : data_->body.nodes) {
      if (!other.outputs.empty()) {
        known.push_back(other.name);
      }
    }
  }
  return makeError<ErrorId::kG0030>(std::string(endpoint), didYouMean(endpoint, known));
}

std::vector<NodeId> Graph::variables() const {
  std::vector<NodeId> ids;
  for (const Node& node : data_->body.nodes) {
    if (node.op->name == "variable") {
      ids.push_back(node.id);
    }
  }
  return ids;
}

Graph Graph::withWeights(std::map<std::string, TensorPtr> weights) const {
  auto data = std::make_shared<GraphData>(*data_);
  weights.merge(data->weights);
  data->weights = std::move(weights);
  Graph graph;
  graph.data_ = std::move(data);
  graph.byName_ = byName_;
  return graph;
}

namespace {

bool equalBodies(const Body& a, const Body& b) {
  if (a.nodes.size() != b.nodes.size()) {
    return false;
  }
  for (size_t i = 0; i < a.nodes.size(); ++i) {
    const Node &x = a.nodes[i], &y = b.nodes[i];
    if (x.op != y.op || x.name != y.name || x.inputs != y.inputs || x.outputs != y.outputs || x.device != y.device ||
        x.attributes.size() != y.attributes.size()) {
      return false;
    }
    auto other = y.attributes.begin();
    for (const auto& [name, value] : x.attributes) {
      if (name != other->first || !equalAttributes(value, other->second)) {
        return false;
      }
      ++other;
    }
  }
  return true;
}

}  // namespace

bool Graph::operator==(const Graph& other) const {
  const GraphData &a = *data_, &b = *other.data_;
  if (&a == &b) {
    return true;
  }
  if (a.name != b.name || a.symbols != b.symbols || a.entries.size() != b.entries.size() ||
      a.functions.size() != b.functions.size() || a.weights.size() != b.weights.size() ||
      !equalBodies(a.body, b.body)) {
    return false;
  }
  for (size_t i = 0; i < a.entries.size(); ++i) {
    const Entry &x = a.entries[i], &y = b.entries[i];
    if (x.name != y.name || x.feeds != y.feeds || x.fetches != y.fetches || x.targets != y.targets) {
      return false;
    }
  }
  for (auto x = a.functions.begin(), y = b.functions.begin(); x != a.functions.end(); ++x, ++y) {
    if (x->first != y->first || x->second.parameters != y->second.parameters ||
        x->second.results != y->second.results || !equalBodies(x->second.body, y->second.body)) {
      return false;
    }
  }
  for (auto x = a.weights.begin(), y = b.weights.begin(); x != a.weights.end(); ++x, ++y) {
    if (x->first != y->first || (x->second != y->second && !x->second->identicalTo(*y->second))) {
      return false;
    }
  }
  return true;
}

std::string endpointName(const Body& body, ValueRef value) {
  const std::string& name = body.nodes[value.node].name;
  return value.output == 0 ? name : name + ":" + std::to_string(value.output);
}

bool drawsRandomNumbers(const Node& node) { return node.op->family == "random"; }

}  // namespace kiln
