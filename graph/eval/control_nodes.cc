// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/eval/control_nodes.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include "graph/ir/diagnostics.h"

namespace kiln {
namespace {

using Call = ControlNode::Call;

int64_t integerOf(const Tensor& scalar) {
  return scalar.dtype() == i32 ? scalar.data<int32_t>()[0] : scalar.data<int64_t>()[0];
}

// A call, or what a branch comes down to.
class OneCall : public ControlNode {
 public:
  explicit OneCall(Call call) : call_(std::move(call)) {}

  StatusOr<std::optional<Call>> next(std::vector<SharedTensor> returned) override {
    if (call_) {
      return std::exchange(call_, std::nullopt);
    }
    results_ = std::move(returned);
    return std::optional<Call>();
  }

 private:
  std::optional<Call> call_;
};

class Loop : public ControlNode {
 public:
  const Function* condition = nullptr;  // null: always true
  const Function* body = nullptr;
  int64_t limit = std::numeric_limits<int64_t>::max();  // the most steps
  bool isReverse = false;
  std::vector<SharedTensor> carries, scanned, captured;
  std::vector<Tensor> stacked;  // zero where no step has written

  StatusOr<std::optional<Call>> next(std::vector<SharedTensor> returned) override {
    if (awaited_ == Awaited::kBody) {
      takeStep(std::move(returned));
    }
    bool holds = awaited_ == Awaited::kCondition ? returned[0]->data<bool>()[0] : done_ < limit;
    if (awaited_ != Awaited::kCondition && holds && condition != nullptr) {
      awaited_ = Awaited::kCondition;
      std::vector<SharedTensor> arguments = carries;
      arguments.insert(arguments.end(), captured.begin(), captured.end());
      return std::optional<Call>(Call{condition, std::move(arguments)});
    }
    if (holds) {
      awaited_ = Awaited::kBody;
      return bodyCall();
    }
    results_ = std::move(carries);
    for (Tensor& tensor : stacked) {
      results_.push_back(std::make_shared<const Tensor>(std::move(tensor)));
    }
    return std::optional<Call>();
  }

 private:
  enum class Awaited { kNothing, kCondition, kBody };

  int64_t stepIndex() const { return isReverse ? limit - 1 - done_ : done_; }

  void takeStep(std::vector<SharedTensor> returned) {
    for (size_t i = 0; i < stacked.size(); ++i) {
      const Tensor& row = *returned[carries.size() + i];
      if (row.numBytes() > 0) {
        std::memcpy(static_cast<char*>(stacked[i].mutableData()) + stepIndex() * row.numBytes(), row.data(),
                    static_cast<size_t>(row.numBytes()));
      }
    }
    returned.resize(carries.size());
    carries = std::move(returned);
    ++done_;
  }

  StatusOr<std::optional<Call>> bodyCall() const {
    std::vector<SharedTensor> arguments = {std::make_shared<const Tensor>(Tensor::scalar<int64_t>(stepIndex()))};
    arguments.insert(arguments.end(), carries.begin(), carries.end());
    for (const SharedTensor& rows : scanned) {
      KILN_ASSIGN_OR_RETURN(Tensor row,
                            Tensor::allocate(rows->dtype(), {rows->dims().begin() + 1, rows->dims().end()}));
      if (row.numBytes() > 0) {
        std::memcpy(row.mutableData(), static_cast<const char*>(rows->data()) + stepIndex() * row.numBytes(),
                    static_cast<size_t>(row.numBytes()));
      }
      arguments.push_back(std::make_shared<const Tensor>(std::move(row)));
    }
    arguments.insert(arguments.end(), captured.begin(), captured.end());
    return std::optional<Call>(Call{body, std::move(arguments)});
  }

  Awaited awaited_ = Awaited::kNothing;
  int64_t done_ = 0;
};

// Takes the first `count` of the operands.
std::vector<SharedTensor> takeFirst(std::span<SharedTensor>& operands, size_t count) {
  std::vector<SharedTensor> taken(operands.begin(), operands.begin() + static_cast<std::ptrdiff_t>(count));
  operands = operands.subspan(count);
  return taken;
}

Status checkTripCount(const Node& node, int64_t count) {
  return count < 0 || count > DimRange::kUnbounded
             ? makeError<ErrorId::kR0034>(describe(node), count, DimRange::kUnbounded)
             : absl::OkStatus();
}

StatusOr<std::unique_ptr<ControlNode>> startLoop(const Graph& graph, const Node& node, std::span<SharedTensor> operands,
                                                 const std::function<int64_t(std::string_view)>& symbolValue) {
  auto loop = std::make_unique<Loop>();
  const std::string_view op = node.op->name;
  loop->body = &graph.functions().at(node.attributes.get<std::string>("body"));
  const auto numCarries = static_cast<size_t>(node.attributes.get<int64_t>("num_carries"));
  if (op == "while_loop") {
    loop->condition = &graph.functions().at(node.attributes.get<std::string>("condition"));
    const int64_t maxSteps = node.attributes.get<int64_t>("max_steps");
    loop->limit = maxSteps < 0 ? loop->limit : maxSteps;
  } else if (op == "for_range") {
    loop->limit = integerOf(*takeFirst(operands, 1)[0]);
    KILN_RETURN_IF_ERROR(checkTripCount(node, loop->limit));
  } else {
    loop->limit = node.attributes.get<Shape>("length")[0].evaluate(symbolValue);
    loop->isReverse = node.attributes.get<bool>("reverse");
    KILN_RETURN_IF_ERROR(checkTripCount(node, loop->limit));
  }
  loop->carries = takeFirst(operands, numCarries);
  if (op == "scan") {
    loop->scanned = takeFirst(operands, static_cast<size_t>(node.attributes.get<int64_t>("num_scanned")));
  }
  loop->captured.assign(operands.begin(), operands.end());
  for (size_t i = numCarries; i < node.outputs.size(); ++i) {
    std::vector<int64_t> dims;
    for (const Dim& d : node.outputs[i].shape) {
      dims.push_back(d.evaluate(symbolValue));
    }
    KILN_ASSIGN_OR_RETURN(Tensor stacked, Tensor::allocate(node.outputs[i].dtype, std::move(dims)));
    loop->stacked.push_back(std::move(stacked));
  }
  return loop;
}

// The function that a branch or call comes down to, and how many operands are no arguments of it.
struct Chosen {
  std::string function;
  size_t numLeading = 0;
};

StatusOr<Chosen> choose(const Node& node, const std::vector<SharedTensor>& operands) {
  const std::string_view op = node.op->name;
  if (op == "if_else") {
    return Chosen{node.attributes.get<std::string>(operands[0]->data<bool>()[0] ? "then_branch" : "else_branch"), 1};
  }
  if (op == "switch_case") {
    const auto& branches = node.attributes.get<std::vector<std::string>>("branches");
    const int64_t index = integerOf(*operands[0]);
    if (index < 0 || index >= static_cast<int64_t>(branches.size())) {
      return makeError<ErrorId::kR0030>(index, branches.size());
    }
    return Chosen{branches[static_cast<size_t>(index)], 1};
  }
  return Chosen{node.attributes.get<std::string>(op == "custom_gradient" ? "forward" : "callee"), 0};
}

}  // namespace

bool runsFunctions(const OpSchema& op) {
  static constexpr std::string_view kOps[] = {"call",    "checkpoint", "custom_gradient", "for_range",
                                              "if_else", "scan",       "switch_case",     "while_loop"};
  return op.family == "control" && std::find(std::begin(kOps), std::end(kOps), op.name) != std::end(kOps);
}

StatusOr<std::unique_ptr<ControlNode>> startControlNode(const Graph& graph, const Node& node,
                                                        std::vector<SharedTensor> operands,
                                                        const std::function<int64_t(std::string_view)>& symbolValue) {
  const std::string_view op = node.op->name;
  if (op == "while_loop" || op == "for_range" || op == "scan") {
    return startLoop(graph, node, operands, symbolValue);
  }
  KILN_ASSIGN_OR_RETURN(Chosen chosen, choose(node, operands));
  operands.erase(operands.begin(), operands.begin() + static_cast<std::ptrdiff_t>(chosen.numLeading));
  return std::make_unique<OneCall>(Call{&graph.functions().at(chosen.function), std::move(operands)});
}

}  // namespace kiln
