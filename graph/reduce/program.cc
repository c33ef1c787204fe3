// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/reduce/program.h"

#include <algorithm>
#include <utility>

#include "graph/reduce/rewrite.h"
#include "graph/reduce/tensors.h"

namespace kiln::reduction {
namespace {

template <class F>
void forEachBody(const GraphData& data, const F& f) {
  f(data.body);
  for (const auto& [name, function] : data.functions) {
    f(function.body);
  }
}

void collectSymbols(const Shape& shape, std::set<std::string>& symbols) {
  for (const Dim& length : shape) {
    for (const std::string& symbol : length.symbols()) {
      symbols.insert(symbol);
    }
  }
}

void collectSymbols(const Node& node, std::set<std::string>& symbols) {
  for (const ValueType& type : node.outputs) {
    collectSymbols(type.shape, symbols);
  }
  for (const auto& [name, value] : node.attributes) {
    if (const Shape* shape = std::get_if<Shape>(&value)) {
      collectSymbols(*shape, symbols);
    }
  }
}

std::vector<NodeId> rootsOf(const Entry& entry) {
  std::vector<NodeId> roots = entry.targets;
  for (const Port& fetch : entry.fetches) {
    roots.push_back(fetch.value.node);
  }
  return roots;
}

// Feeds what the entry needs, and nothing else: placeholders that it reads, and those that tell a symbol.
void tidyFeeds(const Body& body, Entry& entry) {
  std::set<std::string> symbols, told, names;
  std::set<NodeId> fed, needed;
  for (NodeId id : body.slice(rootsOf(entry))) {
    needed.insert(id);
    collectSymbols(body.node(id), symbols);
    if (body.node(id).op->name == "placeholder") {
      collectSymbols(body.node(id), told);
    }
  }
  std::erase_if(entry.feeds, [&](const Port& feed) {
    std::set<std::string> own;
    collectSymbols(body.node(feed.value.node), own);
    const bool tells = std::any_of(own.begin(), own.end(), [&](const std::string& symbol) {
      return symbols.contains(symbol) && !told.contains(symbol);
    });
    if (!needed.contains(feed.value.node) && !tells) {
      return true;
    }
    told.insert(own.begin(), own.end());
    fed.insert(feed.value.node);
    names.insert(feed.name);
    return false;
  });
  for (NodeId id : needed) {
    const Node& node = body.node(id);
    if (node.op->name == "placeholder" && fed.insert(id).second) {
      std::string name = node.name;
      while (!names.insert(name).second) {
        name += "_";
      }
      entry.feeds.push_back({name, {id, 0}});
    }
  }
}

// The functions that nodes of the main body name, and those that they name.
void dropFunctions(GraphData& data) {
  std::set<std::string> needed;
  std::vector<const Body*> open{&data.body};
  while (!open.empty()) {
    const Body& body = *open.back();
    open.pop_back();
    for (const Node& node : body.nodes) {
      for (const std::string& name : calleesOf(*node.op, node.attributes)) {
        if (needed.insert(name).second) {
          open.push_back(&data.functions.at(name).body);
        }
      }
    }
  }
  std::erase_if(data.functions, [&](const auto& function) { return !needed.contains(function.first); });
}

Fates unneeded(const Body& body, const std::vector<NodeId>& roots, const std::vector<NodeId>& kept) {
  Fates fates;
  for (const Node& node : body.nodes) {
    fates[node.id] = {};
  }
  for (NodeId id : body.slice(roots)) {
    fates.erase(id);
  }
  for (NodeId id : kept) {
    fates.erase(id);
  }
  return fates;
}

}  // namespace

bool isLeaf(const Body& body, const Node& node) {
  const std::string_view op = node.op->name;
  return op == "placeholder" || op == "constant" || op == "shape_value" ||
         (op == "broadcast" && body.node(node.inputs[0].node).op->name == "constant");
}

bool canBeLess(const Body& body, const Node& node) {
  return !isLeaf(body, node) || (node.op->name == "broadcast" && node.outputs[0].shape.isStatic());
}

Size sizeOf(const Program& program) {
  const GraphData& data = program.graph.data();
  Size size;
  const auto count = [&](const Tensor& tensor) {
    size.elements += tensor.numElements();
    size.values += isZero(tensor) ? 0 : 1;
  };
  forEachBody(data, [&](const Body& body) {
    std::set<std::string> symbols;
    for (const Node& node : body.nodes) {
      collectSymbols(node, symbols);
      ++size.nodes;
      size.work += isLeaf(body, node) ? 0 : 1;
      if (node.op->name == "constant") {
        count(*node.attributes.get<TensorPtr>("value"));
      } else if (node.op->name == "placeholder" || node.op->name == "variable") {
        // A length that is open is more than 1.
        size.elements += node.outputs[0].shape.numElements().evaluate([](std::string_view) { return int64_t{2}; });
      }
    }
    size.ports += static_cast<int64_t>(symbols.size());
  });
  for (const auto& [name, value] : data.weights) {
    count(*value);
  }
  for (const Entry& entry : data.entries) {
    size.ports += static_cast<int64_t>(1 + entry.feeds.size() + entry.fetches.size() + entry.targets.size());
  }
  size.ports += static_cast<int64_t>(program.loose.size());
  return size;
}

std::set<std::string> looseNodes(const Graph& graph) {
  std::set<NodeId> used;
  for (const Node& node : graph.body().nodes) {
    for (ValueRef input : node.inputs) {
      used.insert(input.node);
    }
  }
  for (const Entry& entry : graph.entries()) {
    for (NodeId root : rootsOf(entry)) {
      used.insert(root);
    }
    for (const Port& feed : entry.feeds) {
      used.insert(feed.value.node);
    }
  }
  std::set<std::string> loose;
  for (const Node& node : graph.body().nodes) {
    if (!used.contains(node.id)) {
      loose.insert(node.name);
    }
  }
  return loose;
}

std::optional<Program> tidy(GraphData data, std::set<std::string> loose) {
  // Types first: entries may lack feeds, and variables may have changed.
  GraphData parts = std::move(data);
  std::vector<Entry> entries = std::exchange(parts.entries, {});
  std::map<std::string, TensorPtr> weights = std::exchange(parts.weights, {});
  const auto typed = Graph::create(std::move(parts));
  if (!typed.ok()) {
    return std::nullopt;
  }
  GraphData result = typed->data();
  result.entries = std::move(entries);
  std::vector<NodeId> roots, kept;
  for (Entry& entry : result.entries) {
    tidyFeeds(result.body, entry);
    const std::vector<NodeId> own = rootsOf(entry);
    roots.insert(roots.end(), own.begin(), own.end());
    for (const Port& feed : entry.feeds) {
      kept.push_back(feed.value.node);
    }
  }
  std::erase_if(loose, [&](const std::string& name) { return typed->findNode(name) == nullptr; });
  for (const std::string& name : loose) {
    roots.push_back(typed->findNode(name)->id);
  }
  auto rewritten = rewrite(result, "", unneeded(result.body, roots, kept), LeafKind::kPlaceholder);
  if (!rewritten) {
    return std::nullopt;
  }
  result = *std::move(rewritten);
  dropFunctions(result);
  std::vector<std::string> names;
  for (const auto& [name, function] : result.functions) {
    names.push_back(name);
  }
  for (const std::string& name : names) {
    const Function& function = result.functions.at(name);
    roots.clear();
    kept.clear();
    for (ValueRef value : function.results) {
      roots.push_back(value.node);
    }
    for (ValueRef value : function.parameters) {
      kept.push_back(value.node);
    }
    rewritten = rewrite(result, name, unneeded(function.body, roots, kept), LeafKind::kZeros);
    if (!rewritten) {
      return std::nullopt;
    }
    result = *std::move(rewritten);
  }
  dropFunctions(result);
  std::set<std::string> variables, symbols;
  for (const Node& node : result.body.nodes) {
    if (node.op->name == "variable") {
      variables.insert(node.name);
    }
  }
  std::erase_if(weights, [&](const auto& value) { return !variables.contains(value.first); });
  result.weights = std::move(weights);
  const std::map<std::string, DimRange> ranges = std::exchange(result.symbols, {});
  auto graph = Graph::create(std::move(result));
  if (!graph.ok()) {
    return std::nullopt;
  }
  forEachBody(graph->data(), [&](const Body& body) {
    for (const Node& node : body.nodes) {
      collectSymbols(node, symbols);
    }
  });
  GraphData last = graph->data();
  for (const auto& [symbol, range] : ranges) {
    if (symbols.contains(symbol)) {
      last.symbols.emplace(symbol, range);
    }
  }
  graph = Graph::create(std::move(last));
  if (!graph.ok()) {
    return std::nullopt;
  }
  return Program{*std::move(graph), std::move(loose)};
}

}  // namespace kiln::reduction
