// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reductions, running reductions, softmax, sorting.
#include <limits>

#include "graph/io/onnx_export/node_export.h"

namespace kiln::onnx {
namespace {

#define KILN_OPERATOR(name) constexpr char k##name[] = #name
KILN_OPERATOR(ArgMax);
KILN_OPERATOR(ArgMin);
KILN_OPERATOR(LogSoftmax);
KILN_OPERATOR(ReduceMax);
KILN_OPERATOR(ReduceMean);
KILN_OPERATOR(ReduceMin);
KILN_OPERATOR(ReduceProd);
KILN_OPERATOR(ReduceSum);
KILN_OPERATOR(Softmax);
#undef KILN_OPERATOR

template <const char* kType>
Status writeReduce(NodeExport& n) {
  n.set(0, n.reduce(kType, n.in(0), n.axes("axes", n.rank()), n.flag("keep_dims")));
  return {};
}

template <const char* kType>
Status writeArg(NodeExport& n) {
  n.set(0, n.op(kType, {n.in(0)}, {{"axis", n.integer("axis")}, {"keepdims", int64_t{n.flag("keep_dims")}}}));
  return {};
}

template <const char* kType>
Status writeSoftmax(NodeExport& n) {
  n.set(0, n.op(kType, {n.in(0)}, {{"axis", n.integer("axis")}}));
  return {};
}

std::string sumOf(NodeExport& n, const std::string& x) {
  return n.reduce("ReduceSum", x, n.axes("axes", n.rank()), n.flag("keep_dims"));
}

Status writeAny(NodeExport& n) {
  const std::string count = sumOf(n, n.cast(n.in(0), boolean, i64));
  n.set(0, n.op("Greater", {count, n.number(0, i64)}));
  return {};
}

Status writeAll(NodeExport& n) {
  const std::string misses = sumOf(n, n.cast(n.op("Not", {n.in(0)}), boolean, i64));
  n.set(0, n.op("Equal", {misses, n.number(0, i64)}));
  return {};
}

Status writeL1(NodeExport& n) {
  n.set(0, sumOf(n, n.op("Abs", {n.in(0)})));
  return {};
}

Status writeSumSquare(NodeExport& n) {
  n.set(0, sumOf(n, n.op("Mul", {n.in(0), n.in(0)})));
  return {};
}

Status writeL2(NodeExport& n) {
  n.set(0, n.op("Sqrt", {sumOf(n, n.op("Mul", {n.in(0), n.in(0)}))}));
  return {};
}

Status writeLogSumExp(NodeExport& n) {
  n.set(0, n.reduce("ReduceLogSumExp", n.in(0), n.axes("axes", n.rank()), n.flag("keep_dims")));
  return {};
}

Status writeVariance(NodeExport& n) {
  const std::vector<int64_t> axes = n.axes("axes", n.rank());
  Dim count = 1;
  for (int64_t axis : axes) {
    count = count * n.shape()[static_cast<int>(axis)];
  }
  const Dim divisor = Dim::max(count - Dim(n.integer("correction")), 0);
  const std::string difference = n.op("Sub", {n.in(0), n.reduce("ReduceMean", n.in(0), axes, true)});
  const std::string sum = sumOf(n, n.op("Mul", {difference, difference}));
  n.set(0, n.op("Div", {sum, n.cast(n.dimScalar(divisor), i64, n.dtype())}));
  return {};
}

Status writeCumsum(NodeExport& n) {
  n.set(0, n.op("CumSum", {n.in(0), n.integer(n.axis("axis", n.rank()))},
                {{"exclusive", int64_t{n.flag("exclusive")}}, {"reverse", int64_t{n.flag("reverse")}}}));
  return {};
}

// A Scan over an axis, all of whose values lie along it. States begin with the values given everywhere, and have the
// shape of x without the axis.
struct State {
  DType dtype;
  double initial;
};
StatusOr<std::vector<std::string>> scanAlong(
    NodeExport& n, const std::vector<State>& states, bool hasStep, size_t numStacked,
    const std::function<std::vector<std::string>(NodeExport& inner, const std::vector<std::string>& states,
                                                 const std::vector<std::string>& rows)>& step) {
  const int64_t axis = n.axis("axis", n.rank());
  const int64_t direction = n.flag("reverse") ? 1 : 0;
  std::vector<Dim> rest = n.shape().dims();
  const Dim length = rest[static_cast<size_t>(axis)];
  rest.erase(rest.begin() + axis);
  std::vector<std::string> inputs;
  std::vector<NodeExport::BodyInput> parameters;
  std::vector<ValueType> results;
  for (const State& state : states) {
    inputs.push_back(n.zeros(Shape(rest), state.dtype, state.initial));
    parameters.push_back({n.freshName("state"), {state.dtype, Shape(rest)}});
    results.push_back(parameters.back().type);
  }
  std::vector<int64_t> axes;
  for (int i = 0; i < n.numInputs(); ++i) {
    inputs.push_back(n.in(i));
    parameters.push_back({n.freshName("row"), {n.dtype(i), Shape(rest)}});
    axes.push_back(axis);
  }
  if (hasStep) {
    inputs.push_back(n.range(length));
    parameters.push_back({n.freshName("step"), {i64, Shape{}}});
    axes.push_back(0);
  }
  for (size_t i = 0; i < numStacked; ++i) {
    results.push_back(results[i]);
  }
  KILN_ASSIGN_OR_RETURN(GraphProto body, n.body("step", parameters, results, [&](NodeExport& inner) {
    std::vector<std::string> names;
    for (const NodeExport::BodyInput& parameter : parameters) {
      names.push_back(parameter.name);
    }
    const auto split = names.begin() + static_cast<std::ptrdiff_t>(states.size());
    return StatusOr<std::vector<std::string>>(step(inner, {names.begin(), split}, {split, names.end()}));
  }));
  const int numResults = static_cast<int>(results.size());
  std::vector<std::string> values = n.ops("Scan", inputs, numResults,
                                          {{"num_scan_inputs", static_cast<int64_t>(axes.size())},
                                           {"scan_input_axes", axes},
                                           {"scan_input_directions", std::vector<int64_t>(axes.size(), direction)},
                                           {"scan_output_axes", std::vector<int64_t>(numStacked, axis)},
                                           {"scan_output_directions", std::vector<int64_t>(numStacked, direction)}});
  AttributeProto& attribute = *n.lastNode().add_attribute();
  attribute.set_name("body");
  attribute.set_type(AttributeProto::GRAPH);
  *attribute.mutable_g() = std::move(body);
  values.erase(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(states.size()));
  return values;
}

Status writeCumprod(NodeExport& n) {
  const bool isExclusive = n.flag("exclusive");
  KILN_ASSIGN_OR_RETURN(
      const std::vector<std::string> stacked,
      scanAlong(n, {{n.dtype(), 1}}, false, 1,
                [&](NodeExport& inner, const std::vector<std::string>& states, const std::vector<std::string>& rows) {
                  const std::string product = inner.op("Mul", {states[0], rows[0]});
                  return std::vector<std::string>{product, isExclusive ? states[0] : product};
                }));
  n.set(0, stacked[0]);
  return {};
}

template <bool kIsMax>
Status writeCummaxOrMin(NodeExport& n) {
  const bool isExclusive = n.flag("exclusive"), hasNan = isFloat(n.dtype());
  const double infinity = std::numeric_limits<double>::infinity();  // Saturates to the limits of integers.
  KILN_ASSIGN_OR_RETURN(
      const std::vector<std::string> stacked,
      scanAlong(n, {{n.dtype(), kIsMax ? -infinity : infinity}, {i64, -1}}, true, 2,
                [&](NodeExport& inner, const std::vector<std::string>& states, const std::vector<std::string>& rows) {
                  std::string takes = inner.op(kIsMax ? "GreaterOrEqual" : "LessOrEqual", {rows[0], states[0]});
                  if (hasNan) {
                    takes = inner.op("Or", {takes, inner.op("IsNaN", {rows[0]})});
                  }
                  const std::string value = inner.op("Where", {takes, rows[0], states[0]});
                  const std::string place = inner.op("Where", {takes, rows[1], states[1]});
                  return isExclusive ? std::vector<std::string>{value, place, states[0], states[1]}
                                     : std::vector<std::string>{value, place, value, place};
                }));
  n.set(0, stacked[0]);
  n.set(1, stacked[1]);
  return {};
}

Status writeLinearRecurrence(NodeExport& n) {
  KILN_ASSIGN_OR_RETURN(
      const std::vector<std::string> stacked,
      scanAlong(n, {{n.dtype(), 0}}, false, 1,
                [&](NodeExport& inner, const std::vector<std::string>& states, const std::vector<std::string>& rows) {
                  const std::string next = inner.op("Add", {inner.op("Mul", {rows[0], states[0]}), rows[1]});
                  return std::vector<std::string>{next, next};
                }));
  n.set(0, stacked[0]);
  return {};
}

Status writeTopK(NodeExport& n, const Dim& k, bool isLargest) {
  const std::vector<std::string> results =
      n.ops("TopK", {n.in(0), n.dimVector(k)}, 2,
            {{"axis", n.integer("axis")}, {"largest", int64_t{isLargest}}, {"sorted", int64_t{1}}});
  n.set(0, results[0]);
  n.set(1, results[1]);
  return {};
}
Status writeSort(NodeExport& n) {
  return writeTopK(n, n.shape()[static_cast<int>(n.axis("axis", n.rank()))], n.flag("descending"));
}
Status writeTop(NodeExport& n) { return writeTopK(n, n.integer("k"), n.flag("largest")); }

// The log-probabilities of the labels' classes.
Status writeSoftmaxCrossEntropy(NodeExport& n) {
  const int64_t last = n.rank() - 1;
  const std::string logs = n.op("LogSoftmax", {n.in(0)}, {{"axis", int64_t{-1}}});
  const std::string picked = n.op("GatherElements", {logs, n.unsqueeze(n.in(1), {last})}, {{"axis", last}});
  n.set(0, n.op("Neg", {n.squeeze(picked, {last})}));
  return {};
}

Status writeSoftmaxCrossEntropyDense(NodeExport& n) {
  const std::string logs = n.op("LogSoftmax", {n.in(0)}, {{"axis", int64_t{-1}}});
  n.set(0, n.op("Neg", {n.reduce("ReduceSum", n.op("Mul", {n.in(1), logs}), {n.rank() - 1}, false)}));
  return {};
}

constexpr ExportRow kRows[] = {
    {"argmax", writeArg<kArgMax>},
    {"argmin", writeArg<kArgMin>},
    {"cummax", writeCummaxOrMin<true>},
    {"cummin", writeCummaxOrMin<false>},
    {"cumprod", writeCumprod},
    {"cumsum", writeCumsum},
    {"linear_recurrence", writeLinearRecurrence},
    {"log_softmax", writeSoftmax<kLogSoftmax>},
    {"reduce_all", writeAll},
    {"reduce_any", writeAny},
    {"reduce_l1", writeL1},
    {"reduce_l2", writeL2},
    {"reduce_log_sum_exp", writeLogSumExp},
    {"reduce_max", writeReduce<kReduceMax>},
    {"reduce_mean", writeReduce<kReduceMean>},
    {"reduce_min", writeReduce<kReduceMin>},
    {"reduce_prod", writeReduce<kReduceProd>},
    {"reduce_sum", writeReduce<kReduceSum>},
    {"reduce_sum_square", writeSumSquare},
    {"reduce_variance", writeVariance},
    {"softmax", writeSoftmax<kSoftmax>},
    {"softmax_cross_entropy", writeSoftmaxCrossEntropy},
    {"softmax_cross_entropy_dense", writeSoftmaxCrossEntropyDense},
    {"sort", writeSort},
    {"top_k", writeTop},
};

}  // namespace

std::span<const ExportRow> reductionRows() { return kRows; }

}  // namespace kiln::onnx
