// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Branches and loops, whose functions become bodies, and what is there for the run or the compiler alone.
#include <algorithm>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

using Names = std::vector<std::string>;

Status setAll(NodeExport& n, const Names& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    n.set(static_cast<int>(i), values[i]);
  }
  return {};
}

void addGraph(NodeExport& n, const char* name, GraphProto graph) {
  AttributeProto& attribute = *n.lastNode().add_attribute();
  attribute.set_name(name);
  attribute.set_type(AttributeProto::GRAPH);
  *attribute.mutable_g() = std::move(graph);
}

Names joined(Names first, const Names& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}
Names joined(Names first, Names::const_iterator begin, Names::const_iterator end) {
  first.insert(first.end(), begin, end);
  return first;
}

// --- branches

Names writeIf(NodeExport& n, const std::string& condition, GraphProto then, GraphProto otherwise) {
  Names results = n.ops("If", {condition}, static_cast<int>(n.node.outputs.size()));
  addGraph(n, "then_branch", std::move(then));
  addGraph(n, "else_branch", std::move(otherwise));
  return results;
}

Status writeIfElse(NodeExport& n) {
  const Names arguments = n.inputs(1);
  const auto branch = [&](const char* name, std::string_view attribute) {
    return n.body(name, {}, n.node.outputs,
                  [&](NodeExport& inner) { return inner.call(inner.attribute<std::string>(attribute), arguments); });
  };
  KILN_ASSIGN_OR_RETURN(GraphProto then, branch("then", "then_branch"));
  KILN_ASSIGN_OR_RETURN(GraphProto otherwise, branch("else", "else_branch"));
  return setAll(n, writeIf(n, n.in(0), std::move(then), std::move(otherwise)));
}

// Branch number `first` or one after it. The last one also takes the numbers that no branch has.
StatusOr<Names> writeBranches(NodeExport& n, size_t first, const Names& arguments) {
  const auto& branches = n.attribute<std::vector<std::string>>("branches");
  if (first + 1 == branches.size()) {
    return n.call(branches[first], arguments);
  }
  KILN_ASSIGN_OR_RETURN(GraphProto then,
                        n.body("branch" + std::to_string(first), {}, n.node.outputs,
                               [&](NodeExport& inner) { return inner.call(branches[first], arguments); }));
  KILN_ASSIGN_OR_RETURN(GraphProto others,
                        n.body("others" + std::to_string(first), {}, n.node.outputs,
                               [&](NodeExport& inner) { return writeBranches(inner, first + 1, arguments); }));
  const std::string isIt = n.op("Equal", {n.in(0), n.number(static_cast<double>(first), n.dtype(0))});
  return writeIf(n, isIt, std::move(then), std::move(others));
}
Status writeSwitch(NodeExport& n) {
  KILN_ASSIGN_OR_RETURN(const Names results, writeBranches(n, 0, n.inputs(1)));
  return setAll(n, results);
}

// --- loops

// The parameters of a loop's body: step, condition, carries.
std::vector<NodeExport::BodyInput> loopInputs(NodeExport& n, int firstCarry, int64_t numCarries) {
  std::vector<NodeExport::BodyInput> inputs = {{n.freshName("step"), {i64, Shape{}}},
                                               {n.freshName("goes_on"), {boolean, Shape{}}}};
  for (int i = 0; i < numCarries; ++i) {
    inputs.push_back({n.freshName("carry"), n.type(firstCarry + i)});
  }
  return inputs;
}

Names namesOf(const std::vector<NodeExport::BodyInput>& inputs, size_t first) {
  Names names;
  for (size_t i = first; i < inputs.size(); ++i) {
    names.push_back(inputs[i].name);
  }
  return names;
}

ValueType rowOf(const ValueType& type) {
  return {type.dtype, Shape(std::vector<Dim>(type.shape.begin() + 1, type.shape.end()))};
}

// Zeros for the steps that did not run.
std::string filledUp(NodeExport& n, const std::string& stacked, const ValueType& type) {
  const int rank = type.shape.rank();
  const std::string numSteps = n.op("Shape", {stacked}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
  const std::string missing = n.op("Sub", {n.dimVector(type.shape[0]), numSteps});
  const std::string pads = n.op("Concat",
                                {n.integers(std::vector<int64_t>(static_cast<size_t>(rank), 0)), missing,
                                 n.integers(std::vector<int64_t>(static_cast<size_t>(rank - 1), 0))},
                                {{"axis", int64_t{0}}});
  return n.op("Pad", {stacked, pads, n.number(0, type.dtype)});
}

Status writeWhile(NodeExport& n) {
  const auto numCarries = static_cast<size_t>(n.integer("num_carries"));
  const int64_t maxSteps = n.integer("max_steps");
  const std::string &condition = n.attribute<std::string>("condition"), &body = n.attribute<std::string>("body");
  const Names inputs = n.inputs();
  const auto captured = inputs.begin() + static_cast<std::ptrdiff_t>(numCarries);
  KILN_ASSIGN_OR_RETURN(const Names first, n.call(condition, inputs));
  const std::vector<NodeExport::BodyInput> parameters = loopInputs(n, 0, static_cast<int64_t>(numCarries));
  std::vector<ValueType> results = {{boolean, Shape{}}};
  for (size_t i = 0; i < n.node.outputs.size(); ++i) {
    results.push_back(i < numCarries ? n.node.outputs[i] : rowOf(n.node.outputs[i]));
  }
  KILN_ASSIGN_OR_RETURN(
      GraphProto graph, n.body("body", parameters, results, [&](NodeExport& inner) -> StatusOr<Names> {
        const Names arguments = joined(joined({parameters[0].name}, namesOf(parameters, 2)), captured, inputs.end());
        KILN_ASSIGN_OR_RETURN(const Names next, inner.call(body, arguments));
        const Names carries(next.begin(), next.begin() + static_cast<std::ptrdiff_t>(numCarries));
        KILN_ASSIGN_OR_RETURN(const Names goesOn, inner.call(condition, joined(carries, captured, inputs.end())));
        return joined(goesOn, next);
      }));
  Names operands = {maxSteps < 0 ? "" : n.integer(maxSteps), first[0]};
  operands.insert(operands.end(), inputs.begin(), captured);
  Names values = n.ops("Loop", operands, static_cast<int>(n.node.outputs.size()));
  addGraph(n, "body", std::move(graph));
  for (size_t i = numCarries; i < values.size(); ++i) {
    values[i] = filledUp(n, values[i], n.node.outputs[i]);
  }
  return setAll(n, values);
}

Status writeForRange(NodeExport& n) {
  const auto numCarries = static_cast<size_t>(n.integer("num_carries"));
  if (numCarries == 0) {
    return {};
  }
  const Names inputs = n.inputs(1);
  const auto captured = inputs.begin() + static_cast<std::ptrdiff_t>(numCarries);
  const std::vector<NodeExport::BodyInput> parameters = loopInputs(n, 1, static_cast<int64_t>(numCarries));
  std::vector<ValueType> results = {{boolean, Shape{}}};
  results.insert(results.end(), n.node.outputs.begin(), n.node.outputs.end());
  KILN_ASSIGN_OR_RETURN(
      GraphProto graph, n.body("body", parameters, results, [&](NodeExport& inner) -> StatusOr<Names> {
        const Names arguments = joined(joined({parameters[0].name}, namesOf(parameters, 2)), captured, inputs.end());
        KILN_ASSIGN_OR_RETURN(const Names next, inner.call(inner.attribute<std::string>("body"), arguments));
        return joined({parameters[1].name}, next);
      }));
  Names operands = {n.in(0), ""};
  operands.insert(operands.end(), inputs.begin(), captured);
  const Names values = n.ops("Loop", operands, static_cast<int>(n.node.outputs.size()));
  addGraph(n, "body", std::move(graph));
  return setAll(n, values);
}

// The step is one more scanned value, which also counts down in reverse.
Status writeScan(NodeExport& n) {
  const auto numCarries = static_cast<size_t>(n.integer("num_carries"));
  const auto numScanned = static_cast<size_t>(n.integer("num_scanned"));
  const Dim length = n.attribute<Shape>("length")[0];
  const int64_t direction = n.flag("reverse") ? 1 : 0;
  const Names inputs = n.inputs();
  const auto captured = inputs.begin() + static_cast<std::ptrdiff_t>(numCarries + numScanned);
  std::vector<NodeExport::BodyInput> parameters;
  for (size_t i = 0; i < numCarries + numScanned; ++i) {
    const ValueType& type = n.type(static_cast<int>(i));
    const bool isCarry = i < numCarries;
    parameters.push_back({n.freshName(isCarry ? "carry" : "row"), isCarry ? type : rowOf(type)});
  }
  parameters.push_back({n.freshName("step"), {i64, Shape{}}});
  std::vector<ValueType> results;
  for (size_t i = 0; i < n.node.outputs.size(); ++i) {
    results.push_back(i < numCarries ? n.node.outputs[i] : rowOf(n.node.outputs[i]));
  }
  KILN_ASSIGN_OR_RETURN(GraphProto graph, n.body("body", parameters, results, [&](NodeExport& inner) {
    Names arguments = namesOf(parameters, 0);
    std::rotate(arguments.begin(), arguments.end() - 1, arguments.end());
    return inner.call(inner.attribute<std::string>("body"), joined(arguments, captured, inputs.end()));
  }));
  Names operands(inputs.begin(), captured);
  operands.push_back(n.range(length));
  const size_t numStacked = results.size() - numCarries;
  const Names values = n.ops("Scan", operands, static_cast<int>(results.size()),
                             {{"num_scan_inputs", static_cast<int64_t>(numScanned) + 1},
                              {"scan_input_directions", std::vector<int64_t>(numScanned + 1, direction)},
                              {"scan_output_directions", std::vector<int64_t>(numStacked, direction)}});
  addGraph(n, "body", std::move(graph));
  return setAll(n, values);
}

// --- calls, and what passes its operands on

Status writeCallOf(NodeExport& n, std::string_view attribute) {
  KILN_ASSIGN_OR_RETURN(const Names results, n.call(n.attribute<std::string>(attribute), n.inputs()));
  return setAll(n, results);
}
Status writeCall(NodeExport& n) { return writeCallOf(n, "callee"); }
Status writeCustomGradient(NodeExport& n) { return writeCallOf(n, "forward"); }

Status writeAll(NodeExport& n) { return setAll(n, n.inputs()); }
Status writeFirst(NodeExport& n) { return setAll(n, {n.in(0)}); }

Status writeBindDim(NodeExport& n) {
  n.bindSymbol(n.attribute<std::string>("symbol"), n.in(0));
  return writeFirst(n);
}

constexpr ExportRow kRows[] = {
    {"assert_that", writeFirst},
    {"bind_dim", writeBindDim},
    {"call", writeCall},
    {"checkpoint", writeCall},
    {"custom_gradient", writeCustomGradient},
    {"for_range", writeForRange},
    writtenOut("gradients"),
    {"if_else", writeIfElse},
    writtenOut("jacobian"),
    {"optimization_barrier", writeAll},
    {"print", writeFirst},
    {"scan", writeScan},
    {"stop_gradient", writeFirst},
    {"switch_case", writeSwitch},
    writtenOut("tangents"),
    writtenOut("vectorize"),
    {"while_loop", writeWhile},
};

}  // namespace

std::span<const ExportRow> controlRows() { return kRows; }

}  // namespace kiln::onnx
