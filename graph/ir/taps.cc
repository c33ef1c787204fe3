// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/ir/taps.h"

#include <algorithm>
#include <utility>

#include "graph/ir/body_editor.h"
#include "graph/ir/diagnostics.h"
#include "graph/ir/inference.h"
#include "graph/ir/tap_endpoint.h"
#include "ops/control/assert_that.h"
#include "ops/control/callee.h"

namespace kiln {
namespace {

using Kind = TapEndpoint::Kind;

// A tapped value in some body.
struct Tapped {
  ValueRef value;
  std::optional<ValueRef> isThere;  ///< A bool scalar, where a branch decides whether the value is computed.
  bool isInLoop = false;            ///< A loop is between the body and the node.
};

TensorPtr shared(Tensor tensor) { return std::make_shared<const Tensor>(std::move(tensor)); }

ValueType scalarOf(DType dtype) { return {dtype, Shape{}, ValueKind::kTensor}; }

class Tapper {
 public:
  explicit Tapper(GraphData data) : editor_(std::move(data)) {}

  // The value as an output of a node of the main body; followed by editor().kept() while later taps change the graph.
  Status tap(const TapEndpoint& endpoint);
  BodyEditor& editor() { return editor_; }

 private:
  // Makes the node at `path[level]` below the body give the value that the endpoint names.
  StatusOr<Tapped> reach(const TapEndpoint& endpoint, size_t level, BodyId place, std::string_view segment);
  // Lets a node give a value of one of its bodies, which the tap may change alone.
  StatusOr<Tapped> expose(const TapEndpoint& endpoint, BodyId place, NodeId node, const BodySlot& slot, BodyId inner,
                          Tapped value);
  StatusOr<Tapped> exposeFromCall(BodyId place, NodeId node, BodyId inner, Tapped value);
  StatusOr<Tapped> exposeFromBranch(BodyId place, NodeId node, const BodySlot& slot, BodyId inner, Tapped value);
  StatusOr<Tapped> exposeFromVmap(BodyId place, NodeId node, BodyId inner, Tapped value);
  StatusOr<Tapped> exposeStacked(const TapEndpoint& endpoint, BodyId place, NodeId node, BodyId inner, Tapped value);
  StatusOr<Tapped> exposeLast(BodyId place, NodeId node, BodyId inner, Tapped value);
  Status widenBackward(BodyId place, NodeId node, BodyId forward, const std::vector<ValueType>& added);

  // What the body of a node is given, parameter by parameter.
  std::vector<ValueType> argumentsOf(BodyId place, const Node& node) const;
  StatusOr<ValueType> outside(BodyId place, const Node& node, BodyId inner, const ValueType& type) const;
  StatusOr<ValueType> translated(const std::vector<ValueType>& parameters, const std::vector<ValueType>& arguments,
                                 const ValueType& type) const;
  // Nodes of zeros at `position`, which moves behind them.
  ValueRef zeros(BodyId place, NodeId& position, const ValueType& type, const SourceLocation& where);
  ValueRef truth(BodyId place, bool value, const SourceLocation& where);
  ValueRef append(BodyId place, std::string_view op, std::vector<ValueRef> inputs, Attributes attributes,
                  ValueType type, const SourceLocation& where) {
    const NodeId end = static_cast<NodeId>(editor_.body(place).nodes.size());
    return editor_.insert(place, end, op, std::move(inputs), std::move(attributes), {std::move(type)}, where);
  }
  std::optional<Dim> knownCount(BodyId place, NodeId node) const;

  BodyEditor editor_;
};

Status Tapper::tap(const TapEndpoint& endpoint) {
  KILN_ASSIGN_OR_RETURN(Tapped tapped, reach(endpoint, 0, kMainBody, endpoint.path[0]));
  if (endpoint.kind == Kind::kEvery && !tapped.isInLoop) {
    return makeError<ErrorId::kG0037>("every:" + std::to_string(endpoint.step), endpoint.withoutKind());
  }
  if (tapped.isThere) {
    const ValueType type = editor_.body(kMainBody).type(tapped.value);
    const SourceLocation where = editor_.body(kMainBody).node(tapped.value.node).location;
    tapped.value = append(kMainBody, "assert_that", {tapped.value, *tapped.isThere},
                          {{"message", std::string(ops::assert_that::kNotTaken) + endpoint.text}}, type, where);
  }
  editor_.keep(tapped.value);
  return absl::OkStatus();
}

StatusOr<Tapped> Tapper::reach(const TapEndpoint& endpoint, size_t level, BodyId place, std::string_view segment) {
  const bool isLast = level + 1 == endpoint.path.size();
  const Body& body = editor_.body(place);
  auto found = std::find_if(body.nodes.begin(), body.nodes.end(), [&](const Node& n) { return n.name == segment; });
  KILN_CHECK(found != body.nodes.end() || level == 0);  // the level above chose the body by this name
  if (found == body.nodes.end()) {
    return makeError<ErrorId::kG0032>(endpoint.text, didYouMean(segment, namesIn(body)));
  }
  if (isLast) {
    if (endpoint.output < 0 || endpoint.output >= static_cast<int32_t>(found->outputs.size())) {
      return makeError<ErrorId::kG0036>(
          endpoint.prefix(level), std::string(segment) + ":" + std::to_string(endpoint.output),
          "; '" + found->name + "' has " + std::to_string(found->outputs.size()) + " results");
    }
    return Tapped{{found->id, endpoint.output}, std::nullopt, false};
  }
  const NodeId node = found->id;
  const std::vector<BodySlot> slots = bodySlotsOf(*found);
  if (slots.empty()) {
    return makeError<ErrorId::kG0039>(endpoint.prefix(level + 1), "kiln." + std::string(found->op->name));
  }
  KILN_ASSIGN_OR_RETURN(ChosenBody chosen, chooseBody(editor_.data(), *found, slots, endpoint, level + 1));
  const BodyId inner = editor_.ownBody(place, node, chosen.slot);
  KILN_ASSIGN_OR_RETURN(Tapped value, reach(endpoint, level + 1, inner, chosen.segment));
  return expose(endpoint, place, node, chosen.slot, inner, value);
}

StatusOr<Tapped> Tapper::expose(const TapEndpoint& endpoint, BodyId place, NodeId node, const BodySlot& slot,
                                BodyId inner, Tapped value) {
  const std::string_view op = editor_.body(place).node(node).op->name;
  if (op == "if_else" || op == "switch_case") {
    return exposeFromBranch(place, node, slot, inner, value);
  }
  if (op == "vectorize") {
    return exposeFromVmap(place, node, inner, value);
  }
  if (op == "scan" || op == "while_loop" || op == "for_range") {
    return endpoint.kind == Kind::kLast ? exposeLast(place, node, inner, value)
                                        : exposeStacked(endpoint, place, node, inner, value);
  }
  return exposeFromCall(place, node, inner, value);
}

std::vector<ValueType> Tapper::argumentsOf(BodyId place, const Node& node) const {
  const Body& body = editor_.body(place);
  const std::string_view op = node.op->name;
  std::vector<ValueType> types;
  for (ValueRef input : node.inputs) {
    types.push_back(body.type(input));
  }
  auto dropAxis = [&](size_t input, int64_t axis) {
    std::vector<Dim> dims = types[input].shape.dims();
    dims.erase(dims.begin() + axis);
    types[input].shape = Shape(std::move(dims));
  };
  if (op == "if_else" || op == "switch_case") {
    types.erase(types.begin());
  } else if (op == "for_range") {
    types[0] = scalarOf(i64);
  } else if (op == "while_loop") {
    types.insert(types.begin(), scalarOf(i64));
  } else if (op == "scan") {
    const auto first = static_cast<size_t>(node.attributes.get<int64_t>("num_carries"));
    const auto count = static_cast<size_t>(node.attributes.get<int64_t>("num_scanned"));
    for (size_t i = first; i < first + count; ++i) {
      dropAxis(i, 0);
    }
    types.insert(types.begin(), scalarOf(i64));
  } else if (op == "vectorize") {
    const auto& axes = node.attributes.get<std::vector<int64_t>>("in_axes");
    for (size_t i = 0; i < axes.size(); ++i) {
      dropAxis(i, axes[i]);
    }
  }
  return types;
}

StatusOr<ValueType> Tapper::translated(const std::vector<ValueType>& parameters,
                                       const std::vector<ValueType>& arguments, const ValueType& type) const {
  CalleeTypes callee;
  callee.name = "the body";
  callee.parameters = parameters;
  callee.results = {type};
  KILN_ASSIGN_OR_RETURN(std::vector<ValueType> results, ops::resultsFor(callee, "body", arguments));
  return results[0];
}

StatusOr<ValueType> Tapper::outside(BodyId place, const Node& node, BodyId inner, const ValueType& type) const {
  return translated(editor_.parameterTypes(inner), argumentsOf(place, node), type);
}

ValueRef Tapper::zeros(BodyId place, NodeId& position, const ValueType& type, const SourceLocation& where) {
  ValueRef value = editor_.insert(place, position++, "constant", {}, {{"value", shared(Tensor(type.dtype, {}))}},
                                  {scalarOf(type.dtype)}, where);
  if (type.shape.rank() > 0) {
    const ValueType lengths{i64, Shape{Dim(type.shape.rank())}, ValueKind::kTensor};
    const ValueRef shape =
        editor_.insert(place, position++, "shape_value", {}, {{"shape", type.shape}}, {lengths}, where);
    value = editor_.insert(place, position++, "broadcast", {value, shape}, {}, {type}, where);
  }
  return value;
}

ValueRef Tapper::truth(BodyId place, bool value, const SourceLocation& where) {
  return append(place, "constant", {}, {{"value", shared(Tensor::scalar(value))}}, scalarOf(boolean), where);
}

StatusOr<Tapped> Tapper::exposeFromCall(BodyId place, NodeId node, BodyId inner, Tapped value) {
  Function& function = editor_.function(inner);
  std::vector<ValueType> added = {function.body.type(value.value)};
  function.results.push_back(value.value);
  if (value.isThere) {
    function.results.push_back(*value.isThere);
    added.push_back(scalarOf(boolean));
  }
  if (editor_.body(place).node(node).op->name == "custom_gradient") {
    KILN_RETURN_IF_ERROR(widenBackward(place, node, inner, added));
  }
  Tapped result;
  result.isInLoop = value.isInLoop;
  KILN_ASSIGN_OR_RETURN(ValueType type, outside(place, editor_.body(place).node(node), inner, added[0]));
  result.value = editor_.addOutput(place, node, std::move(type));
  if (value.isThere) {
    result.isThere = editor_.addOutput(place, node, scalarOf(boolean));
  }
  return result;
}

// backward(inputs, results, cotangents of the float results) is given the new results too, and makes nothing of them.
Status Tapper::widenBackward(BodyId place, NodeId node, BodyId forward, const std::vector<ValueType>& added) {
  const BodyId backward = editor_.ownBody(place, node, {"backward", -1, "backward"});
  Function& function = editor_.function(backward);
  const std::vector<ValueType> parameters = editor_.parameterTypes(forward);
  std::vector<ValueType> known = editor_.parameterTypes(backward);
  known.resize(parameters.size());
  size_t position = parameters.size() + editor_.function(forward).results.size() - added.size();
  for (const ValueType& type : added) {
    KILN_ASSIGN_OR_RETURN(ValueType here, translated(parameters, known, type));
    const Attributes attributes = {{"dtype", here.dtype}, {"shape", here.shape}};
    function.parameters.insert(function.parameters.begin() + static_cast<std::ptrdiff_t>(position++),
                               append(backward, "placeholder", {}, attributes, here, {}));
    if (isFloat(here.dtype)) {
      function.parameters.push_back(append(backward, "placeholder", {}, attributes, here, {}));
    }
  }
  return absl::OkStatus();
}

// The branches that are not taken give zeros, and say so.
StatusOr<Tapped> Tapper::exposeFromBranch(BodyId place, NodeId node, const BodySlot& slot, BodyId inner, Tapped value) {
  const ValueType type = editor_.body(inner).type(value.value);
  const SourceLocation where = editor_.body(inner).node(value.value.node).location;
  const std::vector<ValueType> parameters = editor_.parameterTypes(inner);
  for (const BodySlot& other : bodySlotsOf(editor_.body(place).node(node))) {
    const bool isTaken = other.attribute == slot.attribute && other.index == slot.index;
    const BodyId branch = isTaken ? inner : editor_.ownBody(place, node, other);
    ValueRef result = value.value, isThere;
    if (isTaken) {
      isThere = value.isThere ? *value.isThere : truth(branch, true, where);
    } else {
      KILN_ASSIGN_OR_RETURN(ValueType here, translated(parameters, editor_.parameterTypes(branch), type));
      NodeId end = static_cast<NodeId>(editor_.body(branch).nodes.size());
      result = zeros(branch, end, here, where);
      isThere = truth(branch, false, where);
    }
    editor_.function(branch).results.push_back(result);
    editor_.function(branch).results.push_back(isThere);
  }
  Tapped tapped;
  tapped.isInLoop = value.isInLoop;
  KILN_ASSIGN_OR_RETURN(ValueType outer, outside(place, editor_.body(place).node(node), inner, type));
  tapped.value = editor_.addOutput(place, node, std::move(outer));
  tapped.isThere = editor_.addOutput(place, node, scalarOf(boolean));
  return tapped;
}

StatusOr<Tapped> Tapper::exposeFromVmap(BodyId place, NodeId node, BodyId inner, Tapped value) {
  const ValueType type = editor_.body(inner).type(value.value);
  KILN_ASSIGN_OR_RETURN(ValueType one, outside(place, editor_.body(place).node(node), inner, type));
  editor_.function(inner).results.push_back(value.value);
  Attributes& attributes = editor_.node(place, node).attributes;
  std::vector<int64_t> axes = attributes.get<std::vector<int64_t>>("out_axes");
  axes.push_back(0);
  attributes.set("out_axes", std::move(axes));
  const Dim size = attributes.get<Shape>("size")[0];
  return Tapped{editor_.addOutput(place, node, ops::stackedOf(one, size)), std::nullopt, value.isInLoop};
}

// The count of a for_range when the graph says it, so that results can have rows.
std::optional<Dim> Tapper::knownCount(BodyId place, NodeId node) const {
  const Body& body = editor_.body(place);
  Body known;
  BodyInference inference(known, editor_.data().functions);
  for (NodeId id = 0; id < node; ++id) {
    known.nodes.push_back(body.node(id));
    if (!inference.infer(known.nodes.back()).ok()) {
      return std::nullopt;
    }
  }
  const std::optional<std::vector<Dim>> count = inference.shapeValue(body.node(node).inputs[0]);
  return count && count->size() == 1 ? std::optional<Dim>(count->front()) : std::nullopt;
}

StatusOr<Tapped> Tapper::exposeStacked(const TapEndpoint& endpoint, BodyId place, NodeId node, BodyId inner,
                                       Tapped value) {
  const ValueType type = editor_.body(inner).type(value.value);
  KILN_ASSIGN_OR_RETURN(ValueType row, outside(place, editor_.body(place).node(node), inner, type));
  const std::string_view op = editor_.body(place).node(node).op->name;
  auto unbounded = [&] {
    return makeError<ErrorId::kG0038>(editor_.body(place).node(node).name, endpoint.withoutKind());
  };
  if (op == "for_range") {
    const std::optional<Dim> count = knownCount(place, node);
    if (!count || (count->isStatic() && count->value() < 0)) {
      return unbounded();
    }
    // A scan of that length over nothing is the same loop, and has stacked results.
    Node& loop = editor_.node(place, node);
    loop.op = findOp("scan");
    loop.inputs.erase(loop.inputs.begin());
    loop.attributes.set("num_scanned", int64_t{0});
    loop.attributes.set("length", Shape{*count});
    loop.attributes.set("reverse", false);
  }
  const Node& loop = editor_.body(place).node(node);
  Dim length;
  if (loop.op->name == "while_loop") {
    const int64_t most = loop.attributes.get<int64_t>("max_steps");
    if (most < 0) {
      return unbounded();
    }
    length = Dim(most);
  } else {
    length = loop.attributes.get<Shape>("length")[0];
  }
  editor_.function(inner).results.push_back(value.value);
  const ValueType stacked = ops::stackedOf(row, length);
  Tapped result{editor_.addOutput(place, node, stacked), std::nullopt, true};
  if (endpoint.kind == Kind::kEvery && !value.isInLoop) {
    std::vector<Dim> starts(static_cast<size_t>(stacked.shape.rank()), Dim(0));
    std::vector<int64_t> steps(starts.size(), 1);
    steps[0] = endpoint.step;
    const ValueType lengths{i64, Shape{Dim(stacked.shape.rank())}, ValueKind::kTensor};
    const SourceLocation where = loop.location;
    const ValueRef from = append(place, "shape_value", {}, {{"shape", Shape(std::move(starts))}}, lengths, where);
    const ValueRef to = append(place, "shape_value", {}, {{"shape", stacked.shape}}, lengths, where);
    const ValueType picked = ops::stackedOf(row, Dim::ceilDiv(length, Dim(endpoint.step)));
    result.value = append(place, "slice", {result.value, from, to}, {{"steps", std::move(steps)}}, picked, where);
  }
  return result;
}

// One more carry: zero at first, and what each step computes.
StatusOr<Tapped> Tapper::exposeLast(BodyId place, NodeId node, BodyId inner, Tapped value) {
  const ValueType type = editor_.body(inner).type(value.value);
  KILN_ASSIGN_OR_RETURN(ValueType outer, outside(place, editor_.body(place).node(node), inner, type));
  const SourceLocation where = editor_.body(place).node(node).location;
  const auto numCarries = static_cast<size_t>(editor_.body(place).node(node).attributes.get<int64_t>("num_carries"));
  auto addParameter = [&](BodyId body, const ValueType& of, size_t position) {
    const ValueRef added = append(body, "placeholder", {}, {{"dtype", of.dtype}, {"shape", of.shape}}, of, where);
    Function& function = editor_.function(body);
    function.parameters.insert(function.parameters.begin() + static_cast<std::ptrdiff_t>(position), added);
    return added;
  };
  const std::vector<ValueType> parameters = editor_.parameterTypes(inner);
  const ValueRef before = addParameter(inner, type, 1 + numCarries);
  ValueRef after = value.value;
  if (value.isThere) {
    ValueRef choice = *value.isThere;
    if (type.shape.rank() > 0) {
      const ValueType lengths{i64, Shape{Dim(type.shape.rank())}, ValueKind::kTensor};
      const ValueRef shape = append(inner, "shape_value", {}, {{"shape", type.shape}}, lengths, where);
      choice = append(inner, "broadcast", {choice, shape}, {}, {boolean, type.shape, ValueKind::kTensor}, where);
    }
    after = append(inner, "select", {choice, after, before}, {}, type, where);
  }
  std::vector<ValueRef>& results = editor_.function(inner).results;
  results.insert(results.begin() + static_cast<std::ptrdiff_t>(numCarries), after);
  if (editor_.body(place).node(node).op->name == "while_loop") {
    const BodyId condition = editor_.ownBody(place, node, {"condition", -1, "condition"});
    // The condition has the body's parameters but for the step.
    std::vector<ValueType> known = editor_.parameterTypes(condition);
    known.insert(known.begin(), scalarOf(i64));
    KILN_ASSIGN_OR_RETURN(ValueType here, translated(parameters, known, type));
    addParameter(condition, here, numCarries);
  }
  NodeId position = node;
  const ValueRef zero = zeros(place, position, outer, where);
  Node& loop = editor_.node(place, position);
  const size_t firstCarry = loop.op->name == "for_range" ? 1 : 0;
  loop.inputs.insert(loop.inputs.begin() + static_cast<std::ptrdiff_t>(firstCarry + numCarries), zero);
  loop.attributes.set("num_carries", static_cast<int64_t>(numCarries + 1));
  return Tapped{editor_.insertOutput(place, position, static_cast<int32_t>(numCarries), std::move(outer)), std::nullopt,
                true};
}

}  // namespace

bool isTap(std::string_view endpoint) { return endpoint.find("//") != std::string_view::npos; }

StatusOr<TappedGraph> withTaps(const Graph& graph, const std::vector<std::string>& endpoints) {
  Tapper tapper(graph.data());
  // The others first: a tap may move results, and the editor follows those that it keeps.
  std::vector<size_t> order;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (isTap(endpoints[i])) {
      continue;
    }
    const StatusOr<ValueRef> value = graph.findValue(endpoints[i]);
    if (!value.ok()) {
      return makeError<ErrorId::kG0032>(endpoints[i], didYouMean(endpoints[i], namesIn(graph.body())));
    }
    tapper.editor().keep(*value);
    order.push_back(i);
  }
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (isTap(endpoints[i])) {
      KILN_ASSIGN_OR_RETURN(TapEndpoint endpoint, parseTapEndpoint(endpoints[i]));
      KILN_RETURN_IF_ERROR(tapper.tap(endpoint));
      order.push_back(i);
    }
  }
  TappedGraph tapped;
  tapped.names.resize(endpoints.size());
  const std::vector<ValueRef> values = tapper.editor().kept();
  KILN_ASSIGN_OR_RETURN(tapped.graph, Graph::create(tapper.editor().take()));
  for (size_t i = 0; i < order.size(); ++i) {
    tapped.names[order[i]] = endpointName(tapped.graph.body(), values[i]);
  }
  return tapped;
}

StatusOr<TappedEntry> makeTappedEntry(const Graph& graph, std::string name, const std::vector<std::string>& feeds,
                                      const std::vector<std::string>& fetches,
                                      const std::vector<std::string>& targets) {
  TappedEntry result{graph, {}};
  if (std::none_of(fetches.begin(), fetches.end(), isTap)) {
    KILN_ASSIGN_OR_RETURN(result.entry, makeEntry(graph, std::move(name), feeds, fetches, targets));
    return result;
  }
  KILN_ASSIGN_OR_RETURN(TappedGraph tapped, withTaps(graph, fetches));
  result.graph = std::move(tapped.graph);
  KILN_ASSIGN_OR_RETURN(result.entry, makeEntry(result.graph, std::move(name), feeds, tapped.names, targets));
  for (size_t i = 0; i < fetches.size(); ++i) {
    result.entry.fetches[i].name = fetches[i];
  }
  return result;
}

}  // namespace kiln
