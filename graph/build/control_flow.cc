// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/control_flow.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/build/builder_state.h"
#include "graph/build/closures.h"
#include "graph/build/operations.h"

namespace kiln {
namespace {

// What the parameters of bodies are called; a prefix keeps the plain names for the user.
constexpr std::string_view kStep = "in/step", kCarry = "in/carry", kRow = "in/row";

const ValueType& stepType() {
  static const auto& type = *new ValueType{i64, Shape{}, ValueKind::kTensor};
  return type;
}

std::vector<LambdaParameter> stepAnd(std::vector<LambdaParameter> parameters) {
  parameters.insert(parameters.begin(), {std::string(kStep), stepType()});
  return parameters;
}

Values joined(Values a, const Values& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// An operand as a value of the graph: numbers become constants.
Value valueOf(GraphBuilder& g, const Operand& operand, DType dtype) {
  return operand.number ? g.scalar(*operand.number, dtype, operand.where) : operand.value;
}

// Branches take no parameters of their own.
std::function<Values(const Values&)> withoutParameters(const std::function<Values()>& f) {
  return [&f](const Values&) { return f(); };
}

}  // namespace

Values ifElse(GraphBuilder& g, Operand condition, const std::function<Values()>& then,
              const std::function<Values()>& otherwise, std::string_view name, GraphBuilder::Where where) {
  ClosureNode node(g, "if_else", name, where);
  Values operands = {valueOf(g, condition, boolean)};
  if (node.take(operands) && (operands[0].dtype() != boolean || operands[0].rank() != 0)) {
    node.fail(makeError<ErrorId::kO0143>(typeOf(operands[0]).toString()), operands);
  }
  const size_t expected = node.lambda({.role = "then", .leading = {}, .trailing = {}}, withoutParameters(then)).size();
  node.lambda({.role = "else", .leading = {}, .trailing = {}}, withoutParameters(otherwise));
  return node.finish(std::move(operands),
                     {{"then_branch", node.functionName(0)}, {"else_branch", node.functionName(1)}}, expected);
}

Values switchCase(GraphBuilder& g, Operand index, const std::vector<std::function<Values()>>& branches,
                  std::string_view name, GraphBuilder::Where where) {
  ClosureNode node(g, "switch_case", name, where);
  Values operands = {valueOf(g, index, i64)};
  node.take(operands);
  std::vector<std::string> names;
  size_t expected = 0;
  for (size_t i = 0; i < branches.size(); ++i) {
    expected =
        node.lambda({.role = absl::StrCat("branch", i), .leading = {}, .trailing = {}}, withoutParameters(branches[i]))
            .size();
    names.push_back(node.functionName(i));
  }
  return node.finish(std::move(operands), {{"branches", std::move(names)}}, expected);
}

Values whileLoop(GraphBuilder& g, Values carries, const std::function<Value(const Values&)>& condition,
                 const std::function<Values(Value, const Values&)>& body, LoopOptions options,
                 GraphBuilder::Where where) {
  ClosureNode node(g, "while_loop", options.name, where);
  node.take(carries);
  const std::vector<LambdaParameter> parameters = parametersFor(kCarry, carries);
  node.lambda({.role = "condition", .leading = parameters, .trailing = {}, .drawsNumbers = false},
              [&](const Values& given) { return Values{condition(given)}; });
  const Values& results =
      node.lambda({.role = "body", .leading = stepAnd(parameters), .trailing = {}, .isLoopBody = true},
                  [&](const Values& given) { return body(given[0], sliceOf(given, 1, given.size())); });
  const size_t expected = std::max(results.size(), carries.size());
  Attributes attributes = {{"condition", node.functionName(0)},
                           {"body", node.functionName(1)},
                           {"num_carries", static_cast<int64_t>(carries.size())},
                           {"max_steps", options.maxSteps}};
  return node.finish(std::move(carries), std::move(attributes), expected);
}

Values forRange(GraphBuilder& g, Operand start, Operand stop, Operand step, Values carries,
                const std::function<Values(Value, const Values&)>& body, std::string_view name,
                GraphBuilder::Where where) {
  ClosureNode node(g, "for_range", name, where);
  const bool isFromZero = start.number == 0.0, isByOne = step.number == 1.0;
  const size_t numCarries = carries.size();
  auto bound = [&](const char* boundName, const Operand& operand) {
    Values value = {valueOf(g, operand, i64)};
    if (node.take(value) && typeOf(value[0]) != stepType()) {
      node.fail(makeError<ErrorId::kO0145>(boundName, typeOf(value[0]).toString(), "an i64 scalar"), value);
    }
    return value[0];
  };
  const Value first = isFromZero ? Value() : bound("start", start);
  const Value last = bound("stop", stop);
  const Value by = isByOne ? Value() : bound("step", step);
  node.take(carries);
  Value count = last;
  if (node.isFine() && !(isFromZero && isByOne)) {
    const auto scope = g.scope("count");
    const Value distance = isFromZero ? last : Operand(last, where) - Operand(first, where);
    // The quotient rounded up: division truncates, so all but one step is added, in the direction of the step.
    count = isByOne ? distance
                    : (Operand(Operand(distance, where) + Operand(by, where), where) -
                       Operand(sign(Operand(by, where)), where)) /
                          Operand(by, where);
  }
  const Values& results = node.lambda(
      {.role = "body", .leading = stepAnd(parametersFor(kCarry, carries)), .trailing = {}, .isLoopBody = true},
      [&](const Values& given) {
        Value i = given[0];
        if (!isByOne) {
          i = Operand(i, where) * (step.number ? step : Operand(by, where));
        }
        if (!isFromZero) {
          i = Operand(i, where) + (start.number ? start : Operand(first, where));
        }
        return body(i, sliceOf(given, 1, given.size()));
      });
  const size_t expected = std::max(results.size(), numCarries);
  return node.finish(joined({count}, carries),
                     {{"body", node.functionName(0)}, {"num_carries", static_cast<int64_t>(numCarries)}}, expected);
}

namespace {

// `axis` of x as its first one, or back.
Value withAxisFirst(Value x, int axis, GraphBuilder::Where where) {
  if (axis == 0 || x.isPoisoned()) {
    return x;
  }
  std::vector<int64_t> order = {axis};
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) {
      order.push_back(i);
    }
  }
  return transpose(Operand(x, where), std::move(order));
}

Value withFirstAxisAt(Value x, int axis, GraphBuilder::Where where) {
  if (axis == 0 || x.isPoisoned()) {
    return x;
  }
  std::vector<int64_t> order;
  for (int i = 1; i < x.rank(); ++i) {
    order.push_back(i);
  }
  order.insert(order.begin() + axis, 0);
  return transpose(Operand(x, where), std::move(order));
}

std::vector<LambdaParameter> rowParameters(const Values& scanned) {
  std::vector<LambdaParameter> parameters = parametersFor(kRow, scanned);
  for (LambdaParameter& parameter : parameters) {
    const Shape& shape = parameter.type.shape;
    parameter.type.shape = Shape(std::vector<Dim>(shape.begin() + 1, shape.end()));
  }
  return parameters;
}

}  // namespace

ScanResult scan(GraphBuilder& g, Values carries, Values scanned,
                const std::function<std::pair<Values, Values>(Value, const Values&, const Values&)>& body,
                ScanOptions options, GraphBuilder::Where where) {
  ClosureNode node(g, "scan", options.name, where);
  const size_t numCarries = carries.size(), numScanned = scanned.size();
  Values operands = joined(std::move(carries), scanned);
  int axis = options.axis;
  if (node.take(operands)) {
    scanned = sliceOf(operands, numCarries, operands.size());
    for (size_t i = 0; i < numScanned; ++i) {
      const int rank = scanned[i].rank();
      if (options.axis < -rank || options.axis >= rank) {
        node.fail(makeError<ErrorId::kG0224>(options.axis, -rank, rank), {scanned[i]});
      }
    }
  }
  carries = sliceOf(operands, 0, numCarries);
  std::optional<Dim> length = options.length;
  if (node.isFine()) {
    for (Value& value : scanned) {
      value = withAxisFirst(value, axis < 0 ? axis + value.rank() : axis, where);
    }
    if (!length && numScanned > 0) {
      length = scanned[0].shape()[0];
    }
    // Before the body runs: its rows are only those of the scanned values when the lengths are equal.
    for (size_t i = 0; i < numScanned; ++i) {
      if (scanned[i].shape()[0] != *length) {
        node.fail(makeError<ErrorId::kO0144>(i, typeOf(scanned[i]).toString(), length->toString()), {scanned[i]});
      }
    }
  }
  std::vector<LambdaParameter> leading = stepAnd(parametersFor(kCarry, carries));
  if (node.isFine()) {
    const std::vector<LambdaParameter> rows = rowParameters(scanned);
    leading.insert(leading.end(), rows.begin(), rows.end());
  }
  size_t numGiven = numCarries;
  const Values& results = node.lambda(
      {.role = "body", .leading = std::move(leading), .trailing = {}, .isLoopBody = true}, [&](const Values& given) {
        auto [next, stacked] =
            body(given[0], sliceOf(given, 1, 1 + numCarries), sliceOf(given, 1 + numCarries, given.size()));
        numGiven = next.size();
        return joined(std::move(next), stacked);
      });
  if (node.isFine() && numGiven != numCarries) {
    // Seen by their number alone, the first stacked values would be taken for carries.
    node.fail(makeError<ErrorId::kO0148>(node.functionName(0), absl::StrCat(numGiven, " carries as"),
                                         absl::StrCat("one for each of ", numCarries, " carries")));
  }
  const size_t expected = std::max(results.size(), numCarries);
  Attributes attributes = {{"body", node.functionName(0)},
                           {"num_carries", static_cast<int64_t>(numCarries)},
                           {"num_scanned", static_cast<int64_t>(numScanned)},
                           {"length", length ? Shape{*length} : Shape{}},
                           {"reverse", options.reverse}};
  Values all = node.finish(joined(carries, scanned), std::move(attributes), expected);
  ScanResult result{sliceOf(all, 0, numCarries), sliceOf(all, numCarries, all.size())};
  for (Value& value : result.stacked) {
    if (!value.isPoisoned()) {
      const int at = axis < 0 ? axis + value.rank() : axis;
      if (at < 0 || at >= value.rank()) {
        g.addError(makeError<ErrorId::kG0224>(axis, -value.rank(), value.rank()), where);
        value = g.poisoned();
      } else {
        value = withFirstAxisAt(value, at, where);
      }
    }
  }
  return result;
}

Values map(GraphBuilder& g, Values scanned, const std::function<Values(const Values&)>& body, ScanOptions options,
           GraphBuilder::Where where) {
  return scan(
             g, {}, std::move(scanned),
             [&](Value, const Values&, const Values& rows) { return std::pair(Values(), body(rows)); },
             std::move(options), where)
      .stacked;
}

Values fold(GraphBuilder& g, Values carries, Values scanned,
            const std::function<Values(const Values&, const Values&)>& body, ScanOptions options,
            GraphBuilder::Where where) {
  return scan(
             g, std::move(carries), std::move(scanned),
             [&](Value, const Values& states, const Values& rows) { return std::pair(body(states, rows), Values()); },
             std::move(options), where)
      .carries;
}

Dim bindDim(GraphBuilder& g, Operand length, std::string_view name, GraphBuilder::Where where) {
  GraphBuilder::State& state = g.state();
  // A number of its own in the whole graph: symbols of bodies meet when bodies are put in place. The space keeps the
  // counter apart from those of functions, whose names have none.
  const int number = state.lambdaSuffixes[absl::StrCat("dim ", std::string(name))]++;
  const std::string symbol = absl::StrCat(std::string(name), ".", number);
  const Value value = valueOf(g, length, i64);
  if (value.builder() == &g && !value.isPoisoned() && typeOf(value) != stepType()) {
    g.addError(makeError<ErrorId::kO0145>("length", typeOf(value).toString(), "an i64 scalar"), where);
    return Dim::symbol(symbol);
  }
  g.makeNode("bind_dim", {value}, {{"symbol", symbol}}, name, where);
  return Dim::symbol(symbol);
}

}  // namespace kiln
