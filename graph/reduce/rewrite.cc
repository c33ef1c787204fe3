// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/reduce/rewrite.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

namespace kiln::reduction {
namespace {

/// Zeros beyond are not worth their memory.
constexpr int64_t kMostZeros = int64_t{1} << 22;

using Bindings = std::map<std::string, Dim, std::less<>>;

Dim substituted(const Dim& length, const Bindings& bindings) {
  return length.substitute([&](std::string_view symbol) {
    const auto found = bindings.find(symbol);
    return found == bindings.end() ? std::nullopt : std::optional(found->second);
  });
}

Shape substituted(const Shape& shape, const Bindings& bindings) {
  Shape result;
  for (const Dim& length : shape) {
    result.push_back(substituted(length, bindings));
  }
  return result;
}

// Whether an argument fits a parameter; binds the parameter's symbols.
bool bind(const ValueType& parameter, const ValueType& argument, Bindings& bindings) {
  if (parameter.dtype != argument.dtype || parameter.kind != argument.kind ||
      parameter.shape.rank() != argument.shape.rank()) {
    return false;
  }
  Bindings tried = bindings;
  for (int axis = 0; axis < parameter.shape.rank(); ++axis) {
    if (const auto symbol = parameter.shape[axis].asSymbol()) {
      tried.emplace(*symbol, argument.shape[axis]);
    }
  }
  if (substituted(parameter.shape, tried) != argument.shape) {
    return false;
  }
  bindings = std::move(tried);
  return true;
}

class Rewriter {
 public:
  Rewriter(const GraphData& data, const std::string& place, const Fates& fates, LeafKind leaf)
      : data_(data),
        place_(place),
        fates_(fates),
        leaf_(place.empty() ? leaf : LeafKind::kZeros),
        body_(place.empty() ? data.body : data.functions.at(place).body) {}

  std::optional<GraphData> run() {
    for (const Node& node : body_.nodes) {
      names_.insert(node.name);
    }
    collectUses();
    for (const Node& node : body_.nodes) {
      done_.emplace_back(node.outputs.size(), ValueRef{});
      nodes_.push_back(-1);
      if (!place(node)) {
        return std::nullopt;
      }
    }
    return finish();
  }

 private:
  const Fate* fateOf(NodeId id) const {
    const auto found = fates_.find(id);
    return found == fates_.end() ? nullptr : &found->second;
  }
  bool isUsed(NodeId node, size_t output) const { return uses_.contains({node, static_cast<int32_t>(output)}); }
  ValueRef now(ValueRef value) const {
    return done_[static_cast<size_t>(value.node)][static_cast<size_t>(value.output)];
  }

  // What is read once the fates are done. A reader that is replaced reads less.
  void collectUses() {
    const auto use = [&](ValueRef value) { uses_.insert(value); };
    if (place_.empty()) {
      for (const Entry& entry : data_.entries) {
        for (const Port& fetch : entry.fetches) {
          use(fetch.value);
        }
      }
    } else {
      std::ranges::for_each(data_.functions.at(place_).results, use);
    }
    for (auto node = body_.nodes.rbegin(); node != body_.nodes.rend(); ++node) {
      const Fate* fate = fateOf(node->id);
      if (fate == nullptr || fate->kind == Fate::Kind::kBody) {
        std::ranges::for_each(node->inputs, use);
      } else if (fate->kind == Fate::Kind::kOperand) {
        use(node->inputs[static_cast<size_t>(fate->index)]);
      }
    }
  }

  std::string freshName(const std::string& wanted) {
    std::string name = wanted;
    for (int i = 1; !names_.insert(name).second; ++i) {
      name = wanted + "_" + std::to_string(i);
    }
    return name;
  }

  NodeId append(Node node) {
    node.id = static_cast<NodeId>(changed_.nodes.size());
    node.outputs.clear();
    changed_.nodes.push_back(std::move(node));
    return changed_.nodes.back().id;
  }

  NodeId append(std::string name, const char* op, std::vector<ValueRef> inputs, Attributes attributes,
                const SourceLocation& where) {
    Node node;
    node.op = findOp(op);
    KILN_CHECK(node.op != nullptr);
    node.name = std::move(name);
    node.inputs = std::move(inputs);
    node.attributes = std::move(attributes);
    node.location = where;
    return append(std::move(node));
  }

  // A leaf of the type, or nothing when there is none.
  std::optional<ValueRef> leafOf(const ValueType& type, const SourceLocation& where) {
    if (type.kind != ValueKind::kTensor) {
      return std::nullopt;
    }
    const std::string name = freshName("cut");
    if (leaf_ == LeafKind::kPlaceholder) {
      return ValueRef{append(name, "placeholder", {}, {{"dtype", type.dtype}, {"shape", type.shape}}, where), 0};
    }
    if (type.shape.isStatic()) {
      if (type.shape.numElements().value() > kMostZeros) {
        return std::nullopt;
      }
      return ValueRef{append(name, "constant", {}, {{"value", zeros(type.dtype, type.shape.staticDims())}}, where), 0};
    }
    const NodeId zero = append(freshName(name + "/zero"), "constant", {}, {{"value", zeros(type.dtype, {})}}, where);
    const NodeId shape = append(freshName(name + "/shape"), "shape_value", {}, {{"shape", type.shape}}, where);
    return ValueRef{append(name, "broadcast", {{zero, 0}, {shape, 0}}, {}, where), 0};
  }

  bool place(const Node& node) {
    const Fate* fate = fateOf(node.id);
    if (fate == nullptr) {
      return keep(node);
    }
    switch (fate->kind) {
      case Fate::Kind::kGone:
        return true;
      case Fate::Kind::kLeaf:
        return placeLeaves(node);
      case Fate::Kind::kOperand: {
        const ValueRef operand = node.inputs[static_cast<size_t>(fate->index)];
        done_.back()[0] = now(operand);
        return node.outputs.size() == 1 && body_.type(operand) == node.outputs[0] && done_.back()[0].node >= 0;
      }
      case Fate::Kind::kBody:
        return placeBody(node, fate->index);
    }
    return false;
  }

  bool keep(const Node& node) {
    Node copy = node;
    for (ValueRef& input : copy.inputs) {
      input = now(input);
      if (input.node < 0) {
        return false;
      }
    }
    nodes_.back() = append(std::move(copy));
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      done_.back()[i] = {nodes_.back(), static_cast<int32_t>(i)};
    }
    return true;
  }

  // Leaves for the results that are read and not there yet.
  bool placeLeaves(const Node& node) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (done_.back()[i].node >= 0 || !isUsed(node.id, i)) {
        continue;
      }
      const auto leaf = leafOf(node.outputs[i], node.location);
      if (!leaf) {
        return false;
      }
      done_.back()[i] = *leaf;
    }
    return true;
  }

  bool placeBody(const Node& node, int index) {
    const std::vector<std::string> callees = calleesOf(*node.op, node.attributes);
    const Function& function = data_.functions.at(callees[static_cast<size_t>(index)]);
    Bindings bindings;
    std::vector<ValueRef> inner(function.body.nodes.size());
    // Operands of a loop or a branch stand in the order of the parameters, with others (a condition) among them.
    size_t next = 0;
    std::vector<size_t> missing;
    for (size_t p = 0; p < function.parameters.size(); ++p) {
      const ValueType& type = function.body.type(function.parameters[p]);
      size_t operand = next;
      while (operand < node.inputs.size() && !bind(type, body_.type(node.inputs[operand]), bindings)) {
        ++operand;
      }
      if (operand == node.inputs.size()) {
        missing.push_back(p);
        continue;
      }
      inner[static_cast<size_t>(function.parameters[p].node)] = now(node.inputs[operand]);
      next = operand + 1;
    }
    for (size_t p : missing) {
      const ValueRef parameter = function.parameters[p];
      ValueType type = function.body.type(parameter);
      type.shape = substituted(type.shape, bindings);
      const auto leaf = leafOf(type, node.location);
      if (!leaf) {
        return false;
      }
      inner[static_cast<size_t>(parameter.node)] = *leaf;
    }
    for (const Node& part : function.body.nodes) {
      ValueRef& mine = inner[static_cast<size_t>(part.id)];
      if (part.op->name == "placeholder") {
        continue;
      }
      Node copy = part;
      copy.name = freshName(node.name + "/" + part.name);
      for (ValueRef& input : copy.inputs) {
        input = {inner[static_cast<size_t>(input.node)].node, function.body.node(input.node).op->name == "placeholder"
                                                                  ? inner[static_cast<size_t>(input.node)].output
                                                                  : input.output};
        if (input.node < 0) {
          return false;
        }
      }
      for (const auto& [name, value] : part.attributes) {
        if (const Shape* shape = std::get_if<Shape>(&value)) {
          copy.attributes.set(name, substituted(*shape, bindings));
        }
      }
      mine = {append(std::move(copy)), 0};
    }
    std::vector<char> taken(function.results.size(), 0);
    bool isAny = false;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      for (size_t k = 0; k < taken.size() && isUsed(node.id, i) && done_.back()[i].node < 0; ++k) {
        const size_t r = (i + k) % taken.size();
        const ValueRef result = function.results[r];
        ValueType type = function.body.type(result);
        type.shape = substituted(type.shape, bindings);
        if (taken[r] == 0 && type == node.outputs[i]) {
          const ValueRef mine = inner[static_cast<size_t>(result.node)];
          const bool isParameter = function.body.node(result.node).op->name == "placeholder";
          done_.back()[i] = {mine.node, isParameter ? mine.output : result.output};
          taken[r] = 1;
          isAny = true;
        }
      }
    }
    return isAny && placeLeaves(node);
  }

  std::optional<GraphData> finish() {
    GraphData result = data_;
    if (!place_.empty()) {
      Function& function = result.functions.at(place_);
      for (std::vector<ValueRef>* values : {&function.parameters, &function.results}) {
        for (ValueRef& value : *values) {
          value = now(value);
          if (value.node < 0) {
            return std::nullopt;
          }
        }
      }
      function.body = std::move(changed_);
      return result;
    }
    for (Entry& entry : result.entries) {
      for (std::vector<Port>* ports : {&entry.feeds, &entry.fetches}) {
        std::erase_if(*ports, [&](Port& port) {
          port.value = now(port.value);
          return port.value.node < 0;
        });
      }
      std::erase_if(entry.feeds,
                    [&](const Port& feed) { return changed_.node(feed.value.node).op->name != "placeholder"; });
      std::erase_if(entry.targets, [&](NodeId& target) {
        target = nodes_[static_cast<size_t>(target)];
        return target < 0;
      });
    }
    result.body = std::move(changed_);
    return result;
  }

  const GraphData& data_;
  const std::string& place_;
  const Fates& fates_;
  const LeafKind leaf_;
  const Body& body_;
  std::set<ValueRef> uses_;
  std::set<std::string> names_;
  Body changed_;
  std::vector<std::vector<ValueRef>> done_;  // By old node and result: the new value.
  std::vector<NodeId> nodes_;                // By old node: the new one, when it was kept.
};

}  // namespace

std::optional<GraphData> rewrite(const GraphData& data, const std::string& place, const Fates& fates, LeafKind leaf) {
  return Rewriter(data, place, fates, leaf).run();
}

TensorPtr zeros(DType dtype, const std::vector<int64_t>& dims) {
  static std::mutex mutex;
  static auto& known = *new std::map<std::pair<DType, std::vector<int64_t>>, std::weak_ptr<const Tensor>>();
  std::lock_guard lock(mutex);
  std::weak_ptr<const Tensor>& entry = known[{dtype, dims}];
  TensorPtr tensor = entry.lock();
  if (tensor == nullptr) {
    tensor = std::make_shared<const Tensor>(dtype, dims);
    entry = tensor;
  }
  return tensor;
}

}  // namespace kiln::reduction
