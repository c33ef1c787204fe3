// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/io/tensorflow/program.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "graph/io/sort_nodes.h"

namespace kiln::tensorflow {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<wire::NodeDef>;
using Names = std::unordered_map<std::string_view, int32_t>;

// What lowered loops and branches of TensorFlow 2 leave in a graph, with all that hangs on it.
constexpr std::string_view kLeftover = "unused_control_flow_input";
// Suggestions look at every name.
constexpr size_t kMostNamesSearched = 10000;

// The outputs of ops that have several with names of their own; within functions values are named by them. All other
// ops have one output, or one list of outputs.
const std::vector<std::string_view>* outputNamesOf(std::string_view op) {
  static const auto& table = *new std::map<std::string_view, std::vector<std::string_view>>{
      {"FusedBatchNorm", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
      {"FusedBatchNormV2", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
      {"FusedBatchNormV3",
       {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"}},
      {"TopK", {"values", "indices"}},
      {"TopKV2", {"values", "indices"}},
      {"Switch", {"output_false", "output_true"}},
      {"Merge", {"output", "value_index"}},
      {"MaxPoolWithArgmax", {"output", "argmax"}},
      {"TensorArrayV3", {"handle", "flow"}},
      {"TensorListPopBack", {"output_handle", "tensor"}},
      {"SoftmaxCrossEntropyWithLogits", {"loss", "backprop"}},
      {"SparseSoftmaxCrossEntropyWithLogits", {"loss", "backprop"}},
      {"Unique", {"y", "idx"}},
      {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
      {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}},
      {"BlockLSTM", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"BlockLSTMV2", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"LSTMBlockCell", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"GRUBlockCell", {"r", "u", "c", "h"}},
  };
  auto found = table.find(op);
  return found == table.end() ? nullptr : &found->second;
}

std::optional<int32_t> parseNumber(std::string_view text) {
  int32_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return std::nullopt;
  }
  return number;
}

class Reader {
 public:
  Reader(const Nodes& nodes, const wire::FunctionDef* function, const std::vector<std::string>& fed = {})
      : defs_(nodes), function_(function), fed_(fed.begin(), fed.end()) {}

  StatusOr<Program> run(const std::vector<std::string>& results) {
    KILN_RETURN_IF_ERROR(read(results));
    KILN_RETURN_IF_ERROR(raiseControlFlow(program_));
    return std::move(program_);
  }

  /// The nodes as the file has them, in order.
  Status read(const std::vector<std::string>& results) {
    if (function_ != nullptr) {
      program_.name = function_->signature().name();
      for (const auto& argument : function_->signature().input_arg()) {
        if (!argument.number_attr().empty() || !argument.type_list_attr().empty()) {
          return makeError<ErrorId::kG0501>("function '" + program_.name + "': argument '" + argument.name() +
                                            "' is a list");
        }
        program_.parameters.push_back(static_cast<int32_t>(program_.nodes.size()));
        program_.nodes.push_back({.kind = ProgramNode::Kind::kParameter});
        if (!names_.emplace(argument.name(), program_.parameters.back()).second) {
          return makeError<ErrorId::kG0504>("of function '" + program_.name + "'", argument.name());
        }
      }
    }
    for (const wire::NodeDef& def : defs_) {
      if (!names_.emplace(def.name(), static_cast<int32_t>(program_.nodes.size())).second) {
        return makeError<ErrorId::kG0504>(describe(def), def.name());
      }
      program_.nodes.push_back({.def = &def});
    }
    for (ProgramNode& node : program_.nodes) {
      if (node.def == nullptr || fed_.contains(node.def->name())) {
        continue;
      }
      for (const std::string& text : node.def->input()) {
        if (text.starts_with("^")) {
          auto found = names_.find(std::string_view(text).substr(1));
          if (found == names_.end()) {
            return undefined(describe(*node.def), text);
          }
          node.controls.push_back(found->second);
          continue;
        }
        if (!node.controls.empty()) {
          return makeError<ErrorId::kG0502>(describe(*node.def), "input '" + text + "' stands after control inputs");
        }
        KILN_ASSIGN_OR_RETURN(const Source source, sourceOf(describe(*node.def), text));
        node.inputs.push_back(source);
      }
    }
    for (const std::string& text : results) {
      if (function_ == nullptr && !isKnown(text)) {
        return makeError<ErrorId::kG0508>("value", text, nearest(text));
      }
      KILN_ASSIGN_OR_RETURN(const Source source, sourceOf(where(), text));
      program_.results.push_back(source);
    }
    return tidy(program_);
  }
  const Program& program() const { return program_; }

 private:
  std::string where() const {
    return function_ == nullptr ? "of the graph's outputs" : "of the results of function '" + program_.name + "'";
  }
  bool isKnown(std::string_view text) const { return names_.contains(text.substr(0, text.find(':'))); }

  std::string nearest(std::string_view name) const {
    std::vector<std::string> known;
    for (const auto& [other, index] : names_) {
      if (known.size() == kMostNamesSearched) {
        break;
      }
      known.emplace_back(other);
    }
    std::ranges::sort(known);
    return nearestNames(name, known);
  }

  Status undefined(const std::string& user, std::string_view text) const {
    const std::string names = nearest(text);
    return makeError<ErrorId::kG0503>(user, text, names.empty() ? "" : "; did you mean " + names + "?");
  }

  // `node`, `node:1`; within functions also `node:output:0`.
  StatusOr<Source> sourceOf(const std::string& user, std::string_view text) const {
    const size_t colon = text.find(':');
    auto found = names_.find(text.substr(0, colon));
    if (found == names_.end()) {
      return undefined(user, text);
    }
    Source source{found->second, 0};
    if (colon == std::string_view::npos) {
      return source;
    }
    const std::string_view rest = text.substr(colon + 1);
    const size_t second = rest.find(':');
    if (second == std::string_view::npos) {
      if (auto number = parseNumber(rest)) {
        source.output = *number;
        return source;
      }
    } else if (auto number = parseNumber(rest.substr(second + 1));
               number && program_.nodes[static_cast<size_t>(found->second)].def != nullptr) {
      source.output = *number;
      const auto* names = outputNamesOf(program_.nodes[static_cast<size_t>(found->second)].def->op());
      if (names != nullptr) {
        const auto at = std::ranges::find(*names, rest.substr(0, second));
        if (at == names->end() || *number != 0) {
          return makeError<ErrorId::kG0503>(user, text, "");
        }
        source.output = static_cast<int32_t>(at - names->begin());
      }
      return source;
    }
    return makeError<ErrorId::kG0502>(user, "'" + std::string(text) + "' has no output number after ':'");
  }

  const Nodes& defs_;
  const wire::FunctionDef* function_;
  std::unordered_set<std::string> fed_;
  Program program_;
  Names names_;
};

// What runs for its effect alone, and what computes nothing.
bool isNoOutput(std::string_view op) {
  return op == "NoOp" || op == "Assert" || op == "PrintV2" || op == "Const" || op == "Placeholder" ||
         op == "PlaceholderWithDefault" || op == "Switch" || op == "Enter" || op == "NextIteration" || op == "LoopCond";
}

// For each node of a program, whether its value is there when everything around loops and branches has run, and does
// not come of leftovers.
std::vector<bool> findOutside(const Program& program) {
  struct Place {
    int loops = 0, branches = 0;
    bool isLeftover = false;
  };
  std::vector<Place> places(program.nodes.size());
  std::vector<bool> isOutside(program.nodes.size());
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const ProgramNode& node = program.nodes[i];
    const std::string& op = node.def->op();
    Place& place = places[i];
    bool isLoopMerge = false;
    auto meet = [&](int32_t input) {
      if (static_cast<size_t>(input) >= i) {
        isLoopMerge = true;
        return;
      }
      const Place& other = places[static_cast<size_t>(input)];
      place.loops = std::max(place.loops, other.loops);
      place.branches = std::max(place.branches, other.branches);
      place.isLeftover |= other.isLeftover;
    };
    for (const Source& input : node.inputs) {
      meet(input.node);
    }
    for (const int32_t control : node.controls) {
      meet(control);
    }
    place.isLeftover |= op == "Placeholder" && node.def->name().starts_with(kLeftover);
    place.loops += op == "Enter" ? 1 : op == "Exit" ? -1 : 0;
    place.branches += op == "Switch" ? 1 : op == "Exit" || (op == "Merge" && !isLoopMerge) ? -1 : 0;
    isOutside[i] = place.loops <= 0 && place.branches <= 0 && !place.isLeftover;
  }
  return isOutside;
}

}  // namespace

StatusOr<std::vector<std::string>> outputsOf(const wire::GraphDef& graph) {
  std::unordered_set<std::string_view> used;
  bool hasFlow = false;
  for (const wire::NodeDef& node : graph.node()) {
    hasFlow |= node.op() == "Switch" || node.op() == "Enter" || node.name().starts_with(kLeftover);
    for (const std::string& input : node.input()) {
      const bool isControl = input.starts_with("^");
      // Groups of what is to run are made of NoOp, and may name outputs.
      if (!isControl || node.op() != "NoOp") {
        used.insert(std::string_view(input).substr(isControl ? 1 : 0, isControl ? input.npos : input.find(':')));
      }
    }
  }
  std::vector<const wire::NodeDef*> last;
  std::vector<std::string> names;
  for (const wire::NodeDef& node : graph.node()) {
    if (!isNoOutput(node.op()) && !used.contains(node.name())) {
      last.push_back(&node);
      names.push_back(node.name());
    }
  }
  Reader reader(graph.node(), nullptr);
  KILN_RETURN_IF_ERROR(reader.read(names));
  if (hasFlow) {
    const Program& program = reader.program();
    const std::vector<bool> isOutside = findOutside(program);
    std::vector<const wire::NodeDef*> kept, exits;
    for (size_t i = 0; i < last.size(); ++i) {
      if (isOutside[static_cast<size_t>(program.results[i].node)]) {
        (last[i]->op() == "Exit" ? exits : kept).push_back(last[i]);
      }
    }
    // Every variable of a loop has an Exit, also one that nobody asks for. Of a graph that has nothing else, import()
    // says what is wrong.
    if (!kept.empty() || !exits.empty()) {
      last = kept.empty() ? exits : kept;
    }
  }
  std::vector<std::string> outputs;
  for (const wire::NodeDef* node : last) {
    const int count = numOutputsOf(*node);
    for (int i = 0; i < count; ++i) {
      outputs.push_back(i == 0 ? node->name() : node->name() + ":" + std::to_string(i));
    }
  }
  return outputs;
}

std::string describe(const wire::NodeDef& node) { return "'" + node.name() + "' (" + node.op() + ")"; }

int numOutputsOf(const wire::NodeDef& node) {
  constexpr int64_t kMostOutputs = 65536;
  const std::string& op = node.op();
  if (op == "Assert" || op == "NoOp" || op == "PrintV2") {
    return 0;
  }
  auto integer = [&](const char* name) {
    auto found = node.attr().find(name);
    return found == node.attr().end() ? 1 : static_cast<int>(std::clamp<int64_t>(found->second.i(), 1, kMostOutputs));
  };
  if (op == "Split" || op == "SplitV") {
    return integer("num_split");
  }
  if (op == "Unpack") {
    return integer("num");
  }
  if (op == "IdentityN" || op == "While" || op == "StatelessWhile") {
    auto found = node.attr().find("T");
    return found == node.attr().end() ? 1 : found->second.list().type_size();
  }
  if (auto found = node.attr().find("Tout"); found != node.attr().end()) {
    return found->second.list().type_size();
  }
  if (op.starts_with("FusedBatchNorm") || op == "Merge") {
    return 1;
  }
  const auto* names = outputNamesOf(op);
  return names == nullptr ? 1 : static_cast<int>(names->size());
}

Source resolveIdentity(const Program& program, Source source) {
  while (true) {
    const ProgramNode& node = program.nodes[static_cast<size_t>(source.node)];
    const bool isIdentity =
        node.kind == ProgramNode::Kind::kForward ||
        (node.kind == ProgramNode::Kind::kOperation && node.def->op() == "Identity" && node.inputs.size() == 1);
    if (!isIdentity || source.output != 0) {
      return source;
    }
    source = node.inputs[0];
  }
}

Status tidy(Program& program) {
  using Kind = ProgramNode::Kind;
  const size_t count = program.nodes.size();
  auto isLoopEdge = [&](const ProgramNode& node, int32_t input) {
    const ProgramNode& other = program.nodes[static_cast<size_t>(input)];
    return node.kind == Kind::kOperation && node.def->op() == "Merge" && other.kind == Kind::kOperation &&
           other.def->op() == "NextIteration";
  };
  std::vector<char> isNeeded(count, 0);
  std::vector<int32_t> open;
  auto need = [&](int32_t node) {
    if (isNeeded[static_cast<size_t>(node)] == 0) {
      isNeeded[static_cast<size_t>(node)] = 1;
      open.push_back(node);
    }
  };
  for (const Source& result : program.results) {
    need(result.node);
  }
  while (!open.empty()) {
    const ProgramNode& node = program.nodes[static_cast<size_t>(open.back())];
    open.pop_back();
    for (const Source& input : node.inputs) {
      need(input.node);
    }
    // What decides whether a node runs at all matters only to the patterns of branches and loops.
    for (const int32_t control : node.controls) {
      need(control);
    }
  }
  for (const int32_t parameter : program.parameters) {
    isNeeded[static_cast<size_t>(parameter)] = 1;
  }
  std::vector<int32_t> kept;
  std::vector<int32_t> placeOf(count, -1);
  for (size_t i = 0; i < count; ++i) {
    if (isNeeded[i] != 0) {
      placeOf[i] = static_cast<int32_t>(kept.size());
      kept.push_back(static_cast<int32_t>(i));
    }
  }
  std::vector<std::vector<int32_t>> inputs(kept.size());
  for (size_t k = 0; k < kept.size(); ++k) {
    const ProgramNode& node = program.nodes[static_cast<size_t>(kept[k])];
    for (const Source& input : node.inputs) {
      if (!isLoopEdge(node, input.node)) {
        inputs[k].push_back(placeOf[static_cast<size_t>(input.node)]);
      }
    }
    for (const int32_t control : node.controls) {
      inputs[k].push_back(placeOf[static_cast<size_t>(control)]);
    }
  }
  auto order = graph::sortNodes(inputs, [&](int32_t k) {
    const ProgramNode& node = program.nodes[static_cast<size_t>(kept[static_cast<size_t>(k)])];
    return node.def == nullptr ? std::string("a parameter") : node.def->name();
  });
  KILN_RETURN_IF_ERROR(order.status());
  for (size_t k = 0; k < order->size(); ++k) {
    placeOf[static_cast<size_t>(kept[static_cast<size_t>((*order)[k])])] = static_cast<int32_t>(k);
  }
  std::vector<ProgramNode> nodes;
  nodes.reserve(order->size());
  for (const int32_t k : *order) {
    ProgramNode node = std::move(program.nodes[static_cast<size_t>(kept[static_cast<size_t>(k)])]);
    for (Source& input : node.inputs) {
      input.node = placeOf[static_cast<size_t>(input.node)];
    }
    for (int32_t& control : node.controls) {
      control = placeOf[static_cast<size_t>(control)];
    }
    nodes.push_back(std::move(node));
  }
  program.nodes = std::move(nodes);
  for (int32_t& parameter : program.parameters) {
    parameter = placeOf[static_cast<size_t>(parameter)];
  }
  for (Source& result : program.results) {
    result.node = placeOf[static_cast<size_t>(result.node)];
  }
  return {};
}

StatusOr<Program> programOf(const wire::GraphDef& graph, const std::vector<std::string>& results,
                            const std::vector<std::string>& fed) {
  return Reader(graph.node(), nullptr, fed).run(results);
}

StatusOr<Program> programOf(const wire::FunctionDef& function) {
  std::vector<std::string> results;
  for (const auto& output : function.signature().output_arg()) {
    auto found = function.ret().find(output.name());
    if (found == function.ret().end()) {
      return makeError<ErrorId::kG0410>(output.name(), function.signature().name());
    }
    results.push_back(found->second);
  }
  return Reader(function.node_def(), &function).run(results);
}

}  // namespace kiln::tensorflow
