// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/eval/interpreter.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>

#include "graph/eval/binding.h"
#include "graph/eval/control_nodes.h"
#include "graph/ir/diagnostics.h"

namespace kiln {
namespace {

// The values that a node reads. An assignment only names its variable, which may have no value yet.
std::span<const ValueRef> readsOf(const Node& node) {
  return std::span<const ValueRef>(node.inputs).subspan(node.op->name == "assign" ? 1 : 0);
}

// What a body does for its results: the same for each of its runs.
struct Plan {
  const Body* body = nullptr;
  std::vector<Port> parameters;
  std::vector<ValueRef> results;
  std::vector<NodeId> order;
  std::vector<int> numReads;  ///< For each node; a value is freed after the last.

  Plan(const Body& body, std::vector<Port> parameters, std::vector<ValueRef> results, const std::vector<NodeId>& roots)
      : body(&body),
        parameters(std::move(parameters)),
        results(std::move(results)),
        order(body.slice(roots)),
        numReads(body.nodes.size(), 0) {
    for (NodeId id : order) {
      for (ValueRef input : readsOf(body.node(id))) {
        ++numReads[input.node];
      }
    }
    for (ValueRef result : this->results) {
      ++numReads[result.node];
    }
  }
};

// A body in execution. Functions are frames on a stack of their own, so that neither a long chain of calls nor deeply
// nested loops take native stack.
struct Frame {
  const Plan* plan = nullptr;
  size_t next = 0;
  SymbolValues symbols;
  std::vector<std::vector<SharedTensor>> values;  ///< For each node.
  std::vector<int> remainingReads;
  std::unique_ptr<ControlNode> running;  ///< The node at `next`, when it waits for a function.
};

class Run {
 public:
  Run(const Graph& graph, const Entry& entry, const VariableStore& variables, const InterpreterOptions& options)
      : graph_(graph), entry_(entry), variables_(variables), options_(options) {}

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
    const Plan plan(graph_.body(), entry_.feeds, std::move(kept), roots);
    KILN_RETURN_IF_ERROR(push(plan, std::move(fed), graph_.symbols()));
    while (frames_.size() > 1 || frames_.back().next < plan.order.size()) {
      KILN_RETURN_IF_ERROR(checkStop());
      KILN_RETURN_IF_ERROR(step());
    }
    return absl::OkStatus();
  }

  SharedTensor value(ValueRef ref) const { return valueIn(frames_.front(), ref); }

 private:
  static SharedTensor valueIn(const Frame& frame, ValueRef ref) { return frame.values[ref.node][ref.output]; }

  static std::vector<SharedTensor> inputsOf(const Frame& frame, const Node& node) {
    std::vector<SharedTensor> inputs;
    for (ValueRef input : node.inputs) {
      inputs.push_back(valueIn(frame, input));
    }
    return inputs;
  }

  // Not for longer than the caller allows: a loop may never end.
  Status checkStop() {
    if (options_.cancel != nullptr && options_.cancel->load(std::memory_order_relaxed)) {
      return makeError<ErrorId::kR0040>();
    }
    constexpr int kNodesBetweenLooks = 64;  // the clock costs as much as a small node
    if (options_.deadline.count() > 0 && ++nodesSinceLook_ >= kNodesBetweenLooks) {
      nodesSinceLook_ = 0;
      if (std::chrono::steady_clock::now() - start_ > options_.deadline) {
        return makeError<ErrorId::kR0047>(options_.deadline.count());
      }
    }
    return absl::OkStatus();
  }

  Status push(const Plan& plan, std::vector<SharedTensor> arguments, const std::map<std::string, DimRange>& ranges) {
    Frame frame;
    frame.plan = &plan;
    KILN_ASSIGN_OR_RETURN(frame.symbols, bindSymbols(*plan.body, plan.parameters, arguments, ranges));
    frame.values.resize(plan.body->nodes.size());
    for (size_t i = 0; i < plan.parameters.size(); ++i) {
      frame.values[plan.parameters[i].value.node] = {std::move(arguments[i])};
    }
    frame.remainingReads = plan.numReads;
    frames_.push_back(std::move(frame));
    return absl::OkStatus();
  }

  const Plan& planOf(const Function& function) {
    std::unique_ptr<Plan>& plan = plans_[&function];
    if (plan == nullptr) {
      std::vector<Port> parameters;
      for (ValueRef parameter : function.parameters) {
        parameters.push_back({function.body.node(parameter.node).name, parameter});
      }
      std::vector<NodeId> roots;
      for (ValueRef result : function.results) {
        roots.push_back(result.node);
      }
      plan = std::make_unique<Plan>(function.body, std::move(parameters), function.results, roots);
    }
    return *plan;
  }

  // Runs one node of the innermost frame, or returns from it.
  Status step() {
    Frame& frame = frames_.back();
    if (frame.next == frame.plan->order.size()) {
      std::vector<SharedTensor> results;
      for (ValueRef result : frame.plan->results) {
        results.push_back(valueIn(frame, result));
      }
      frames_.pop_back();
      return proceed(std::move(results));
    }
    const Node& node = frame.plan->body->node(frame.plan->order[frame.next]);
    if (runsFunctions(*node.op)) {
      auto started = startControlNode(graph_, node, inputsOf(frame, node), symbolValue(frame));
      if (!started.ok()) {
        return diagnose(started.status(), node.location, describe(node));
      }
      frame.running = *std::move(started);
      return proceed({});
    }
    ++frame.next;
    StatusOr<std::vector<SharedTensor>> results = evaluateNode(frame, node);
    if (!results.ok()) {
      return diagnose(results.status(), node.location, describe(node));
    }
    finishNode(frame, node, *std::move(results));
    return absl::OkStatus();
  }

  // Hands what a function returned to the node that runs it, which then runs another or is done.
  Status proceed(std::vector<SharedTensor> returned) {
    Frame& frame = frames_.back();
    const Node& node = frame.plan->body->node(frame.plan->order[frame.next]);
    auto call = frame.running->next(std::move(returned));
    if (!call.ok()) {
      return diagnose(call.status(), node.location, describe(node));
    }
    if (*call) {
      return diagnose(push(planOf(*(*call)->function), std::move((*call)->arguments), {}), node.location,
                      describe(node));
    }
    ++frame.next;
    const std::unique_ptr<ControlNode> done = std::move(frame.running);
    finishNode(frame, node, std::move(done->results()));
    return absl::OkStatus();
  }

  static void finishNode(Frame& frame, const Node& node, std::vector<SharedTensor> results) {
    if (frame.remainingReads[node.id] > 0) {
      frame.values[node.id] = std::move(results);
    }
    for (ValueRef input : readsOf(node)) {
      if (--frame.remainingReads[input.node] == 0) {
        frame.values[input.node].clear();
      }
    }
  }

  StatusOr<std::vector<SharedTensor>> evaluateNode(Frame& frame, const Node& node) {
    const std::string_view op = node.op->name;
    if (op == "placeholder") {
      return frame.values[node.id];
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
      return std::vector<SharedTensor>{valueIn(frame, node.inputs[1])};
    }
    if (op == "group") {
      return std::vector<SharedTensor>{};
    }
    if (op == "gradients" || op == "tangents" || op == "jacobian" || op == "vectorize") {
      return makeError<ErrorId::kG0307>(node.name, node.op->name);
    }
    if (op == "bind_dim") {
      return bindDim(frame, node);
    }
    if (op == "print") {
      const Tensor& x = *valueIn(frame, node.inputs[0]);
      std::fprintf(stderr, "%s: %s\n", node.name.c_str(),
                   x.toString(node.attributes.get<int64_t>("max_elements")).c_str());
      return inputsOf(frame, node);
    }
    return evaluateReference(frame, node);
  }

  static StatusOr<std::vector<SharedTensor>> bindDim(Frame& frame, const Node& node) {
    const int64_t length = valueIn(frame, node.inputs[0])->data<int64_t>()[0];
    if (length < 0 || length > DimRange::kUnbounded) {
      return makeError<ErrorId::kR0034>(describe(node), length, DimRange::kUnbounded);
    }
    frame.symbols[node.attributes.get<std::string>("symbol")] = length;
    return inputsOf(frame, node);
  }

  static std::function<int64_t(std::string_view)> symbolValue(const Frame& frame) {
    return [&frame](std::string_view symbol) {
      auto found = frame.symbols.find(symbol);
      return found == frame.symbols.end() ? 0 : found->second;
    };
  }

  static StatusOr<std::vector<SharedTensor>> evaluateReference(Frame& frame, const Node& node) {
    KILN_CHECK(node.op->reference != nullptr);
    const std::function<int64_t(std::string_view)> valueOf = symbolValue(frame);
    std::vector<const Tensor*> operands;
    for (ValueRef input : node.inputs) {
      operands.push_back(frame.values[input.node][input.output].get());
    }
    std::vector<ValueType> types;
    std::vector<Tensor> results;
    for (const ValueType& type : node.outputs) {
      std::vector<int64_t> dims;
      for (const Dim& d : type.shape) {
        dims.push_back(d.evaluate(valueOf));
      }
      types.push_back({type.dtype, Shape::of(dims), type.kind});
      KILN_ASSIGN_OR_RETURN(Tensor result, Tensor::allocate(type.dtype, std::move(dims)));
      results.push_back(std::move(result));
    }
    ReferenceContext context;
    context.operands = operands;
    context.attributes = &node.attributes;
    context.resultTypes = types;
    context.symbolValue = &valueOf;
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
  const InterpreterOptions& options_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int nodesSinceLook_ = 0;
  std::unordered_map<const Function*, std::unique_ptr<Plan>> plans_;
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
  Run run(graph, entry, variables, options_);
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
