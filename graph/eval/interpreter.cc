// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/eval/interpreter.h"

#include <functional>
#include <memory>
#include <span>
#include <unordered_map>

#include "graph/eval/binding.h"
#include "graph/ir/diagnostics.h"

namespace kiln {
namespace {

using SharedTensor = std::shared_ptr<const Tensor>;

// The values that a node reads. An assignment only names its variable, which may have no value yet.
std::span<const ValueRef> readsOf(const Node& node) {
  return std::span<const ValueRef>(node.inputs).subspan(node.op->name == "assign" ? 1 : 0);
}

// A body in execution. Calls are frames on a stack of their own, so that a long chain of calls takes no native stack.
struct Frame {
  const Body* body = nullptr;
  std::vector<NodeId> order;
  size_t next = 0;
  SymbolValues symbols;
  std::unordered_map<NodeId, std::vector<SharedTensor>> values;
  std::unordered_map<NodeId, int> remainingReads;  ///< A value is freed when its node has none left.
  std::vector<ValueRef> results;                   ///< Of a called function.
};

class Run {
 public:
  Run(const Graph& graph, const Entry& entry, const VariableStore& variables)
      : graph_(graph), entry_(entry), variables_(variables) {}

  Status execute(const std::vector<TensorView>& feeds) {
    if (feeds.size() != entry_.feeds.size()) {
      return makeError<ErrorId::kG0301>(feeds.size(), entry_.name, entry_.feeds.size());
    }
    std::vector<SharedTensor> fed;
    for (const TensorView& feed : feeds) {
      fed.push_back(std::make_shared<const Tensor>(feed));
    }
    std::vector<NodeId> roots = entry_.targets;
    std::vector<ValueRef> kept;
    for (const Port& fetch : entry_.fetches) {
      roots.push_back(fetch.value.node);
      kept.push_back(fetch.value);
    }
    for (NodeId assign : assignsOf(graph_.body(), entry_.targets)) {
      kept.push_back({assign, 0});
    }
    KILN_RETURN_IF_ERROR(push(graph_.body(), entry_.feeds, std::move(fed), graph_.symbols(), graph_.body().slice(roots),
                              std::move(kept)));
    while (frames_.size() > 1 || frames_.back().next < frames_.back().order.size()) {
      KILN_RETURN_IF_ERROR(step());
    }
    return absl::OkStatus();
  }

  SharedTensor value(ValueRef ref) const { return frames_.front().values.at(ref.node)[ref.output]; }

 private:
  Status push(const Body& body, const std::vector<Port>& parameters, std::vector<SharedTensor> arguments,
              const std::map<std::string, DimRange>& ranges, std::vector<NodeId> order, std::vector<ValueRef> results) {
    Frame frame;
    frame.body = &body;
    frame.order = std::move(order);
    KILN_ASSIGN_OR_RETURN(frame.symbols, bindSymbols(body, parameters, arguments, ranges));
    for (size_t i = 0; i < parameters.size(); ++i) {
      frame.values[parameters[i].value.node] = {std::move(arguments[i])};
    }
    for (NodeId id : frame.order) {
      for (ValueRef input : readsOf(body.node(id))) {
        ++frame.remainingReads[input.node];
      }
    }
    for (ValueRef result : results) {
      ++frame.remainingReads[result.node];
    }
    frame.results = std::move(results);
    frames_.push_back(std::move(frame));
    return absl::OkStatus();
  }

  // Runs one node of the innermost frame, or returns from it.
  Status step() {
    Frame& frame = frames_.back();
    if (frame.next == frame.order.size()) {
      std::vector<SharedTensor> results;
      for (ValueRef result : frame.results) {
        results.push_back(frame.values.at(result.node)[result.output]);
      }
      frames_.pop_back();
      Frame& caller = frames_.back();
      finishNode(caller, caller.body->node(caller.order[caller.next++]), std::move(results));
      return absl::OkStatus();
    }
    const Node& node = frame.body->node(frame.order[frame.next]);
    if (node.op->name == "call") {
      return enter(node);  // frame.next moves on when the call returns
    }
    ++frame.next;
    StatusOr<std::vector<SharedTensor>> results = evaluateNode(frame, node);
    if (!results.ok()) {
      return diagnose(results.status(), node.location, describe(node));
    }
    finishNode(frame, node, *std::move(results));
    return absl::OkStatus();
  }

  Status enter(const Node& node) {
    const Function& callee = graph_.functions().at(node.attributes.get<std::string>("callee"));
    std::vector<SharedTensor> arguments;
    for (ValueRef input : node.inputs) {
      arguments.push_back(frames_.back().values.at(input.node)[input.output]);
    }
    std::vector<Port> parameters;
    for (ValueRef parameter : callee.parameters) {
      parameters.push_back({callee.body.node(parameter.node).name, parameter});
    }
    std::vector<NodeId> roots;
    for (ValueRef result : callee.results) {
      roots.push_back(result.node);
    }
    Status status = push(callee.body, parameters, std::move(arguments), {}, callee.body.slice(roots), callee.results);
    return diagnose(status, node.location, describe(node));
  }

  static void finishNode(Frame& frame, const Node& node, std::vector<SharedTensor> results) {
    if (frame.remainingReads[node.id] > 0) {
      frame.values[node.id] = std::move(results);
    }
    for (ValueRef input : readsOf(node)) {
      if (--frame.remainingReads[input.node] == 0) {
        frame.values.erase(input.node);
      }
    }
  }

  StatusOr<std::vector<SharedTensor>> evaluateNode(Frame& frame, const Node& node) {
    const std::string_view op = node.op->name;
    if (op == "placeholder") {
      return frame.values.at(node.id);
    }
    if (op == "variable") {
      if (frame.remainingReads[node.id] == 0) {
        return std::vector<SharedTensor>{};
      }
      const Tensor* held = variables_.find(node.name);
      if (held == nullptr) {
        return makeError<ErrorId::kG0306>(node.name);
      }
      const ValueType type{held->dtype(), Shape::of(held->dims())};
      if (type != node.outputs[0]) {
        return makeError<ErrorId::kG0308>(node.name, type.toString(), node.outputs[0].toString());
      }
      // The store does not change before the run ends, so its tensor is read in place.
      return std::vector<SharedTensor>{SharedTensor(SharedTensor(), held)};
    }
    if (op == "constant") {
      return std::vector<SharedTensor>{node.attributes.get<TensorPtr>("value")};
    }
    if (op == "assign") {
      return std::vector<SharedTensor>{frame.values.at(node.inputs[1].node)[node.inputs[1].output]};
    }
    if (op == "group") {
      return std::vector<SharedTensor>{};
    }
    if (op == "gradients") {
      return makeError<ErrorId::kG0307>(node.name);
    }
    return evaluateReference(frame, node);
  }

  static StatusOr<std::vector<SharedTensor>> evaluateReference(Frame& frame, const Node& node) {
    KILN_CHECK(node.op->reference != nullptr);
    const std::function<int64_t(std::string_view)> symbolValue = [&frame](std::string_view symbol) {
      auto found = frame.symbols.find(symbol);
      return found == frame.symbols.end() ? 0 : found->second;
    };
    std::vector<const Tensor*> operands;
    for (ValueRef input : node.inputs) {
      operands.push_back(frame.values.at(input.node)[input.output].get());
    }
    std::vector<ValueType> types;
    std::vector<Tensor> results;
    for (const ValueType& type : node.outputs) {
      std::vector<int64_t> dims;
      for (const Dim& d : type.shape) {
        dims.push_back(d.evaluate(symbolValue));
      }
      types.push_back({type.dtype, Shape::of(dims), type.kind});
      KILN_ASSIGN_OR_RETURN(Tensor result, Tensor::allocate(type.dtype, std::move(dims)));
      results.push_back(std::move(result));
    }
    ReferenceContext context;
    context.operands = operands;
    context.attributes = &node.attributes;
    context.resultTypes = types;
    context.symbolValue = &symbolValue;
    context.results = results;
    KILN_RETURN_IF_ERROR(node.op->reference(context));
    std::vector<SharedTensor> shared;
    for (Tensor& result : results) {
      shared.push_back(std::make_shared<const Tensor>(std::move(result)));
    }
    return shared;
  }

  const Graph& graph_;
  const Entry& entry_;
  const VariableStore& variables_;
  std::vector<Frame> frames_;
};

}  // namespace

const Tensor* VariableStore::find(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

StatusOr<std::vector<Tensor>> Interpreter::evaluate(const Graph& graph, const Entry& entry,
                                                    const std::vector<TensorView>& feeds,
                                                    VariableStore& variables) const {
  Run run(graph, entry, variables);
  KILN_RETURN_IF_ERROR(run.execute(feeds));
  std::vector<Tensor> fetched;
  for (const Port& fetch : entry.fetches) {
    fetched.push_back(*run.value(fetch.value));
  }
  // All new values are copied before the first is stored: one may be the old value of another variable.
  std::vector<std::pair<std::string, Tensor>> assigned;
  for (NodeId assign : assignsOf(graph.body(), entry.targets)) {
    assigned.emplace_back(graph.body().node(graph.body().node(assign).inputs[0].node).name, *run.value({assign, 0}));
  }
  for (auto& [name, value] : assigned) {
    variables.set(std::move(name), std::move(value));
  }
  return fetched;
}

StatusOr<VariableStore> initialValues(const Graph& graph) {
  VariableStore store;
  auto useWeights = [&] {
    for (const auto& [name, value] : graph.weights()) {
      store.set(name, *value);
    }
  };
  useWeights();
  if (const Entry* init = graph.findEntry(kInitEntry)) {
    KILN_RETURN_IF_ERROR(Interpreter().evaluate(graph, *init, {}, store).status());
    useWeights();
  }
  return store;
}

}  // namespace kiln
