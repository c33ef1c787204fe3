// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Small graphs of one op each, for tests of what is exported: the examples of the op entries, and further cases.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "graph/build/builder.h"
#include "graph/eval/interpreter.h"
#include "graph/io/onnx_export/exporter.h"

namespace kiln::onnx::testing {

/// A graph with the entry `predict`, values of its feeds, and what the reference interpreter gives for them.
struct OpCase {
  std::string name;
  Graph graph;
  std::vector<Tensor> feeds, fetches;
};

/// Beside the examples: attributes that those leave alone. A value is a number, nested lists, or `{"dims": [..]}`, a
/// tensor of these lengths with some numbers (`"below": n`: whole ones from 0 to n - 1).
inline constexpr struct {
  const char* op;
  const char* inputs;
} kMoreCases[] = {
    {"add", R"({"x": [1, -2], "y": [3, 4], "dtype": "i64"})"},
    {"add", R"({"x": [1, -2], "y": [3, 4], "dtype": "f64"})"},
    {"adaptive_avg_pool", R"({"x": {"dims": [2, 6, 4, 3]}, "output_size": [3, 2], "layout": "NHWC"})"},
    {"adaptive_avg_pool", R"({"x": {"dims": [2, 3, 5, 7]}, "output_size": [3, 4], "layout": "NCHW"})"},
    {"adaptive_max_pool", R"({"x": {"dims": [2, 6, 4, 3]}, "output_size": [3, 2], "layout": "NHWC"})"},
    {"adaptive_max_pool", R"({"x": {"dims": [2, 7, 4, 3]}, "output_size": [3, 3], "layout": "NHWC"})"},
    {"argmax", R"({"x": {"dims": [2, 3, 4]}, "axis": 1, "keep_dims": true})"},
    {"avg_pool", R"({"x": {"dims": [2, 7, 6, 3]}, "kernel": [3, 2], "strides": [2, 2], "dilations": [1, 1],
                     "low": [1, 0], "high": [1, 1], "ceil_mode": false, "layout": "NHWC", "count_padding": true})"},
    {"batch_norm", R"({"x": {"dims": [3, 2, 4]}, "scale": [1, 2], "bias": [0, 1], "axis": 1})"},
    {"batch_norm_inference", R"({"x": {"dims": [3, 2, 4]}, "scale": [1, 2], "bias": [0, 1], "mean": [0.5, -1],
                                 "variance": [2, 3], "axis": 1})"},
    {"batch_norm_inference", R"({"x": {"dims": [3, 4, 2]}, "scale": [1, 2], "bias": [0, 1], "mean": [0.5, -1],
                                 "variance": [2, 3], "axis": 2})"},
    {"bitwise_and", R"({"x": [true, false], "y": [true, true], "dtype": "bool"})"},
    {"cast", R"({"x": [1.5, -2.5, 0], "to": "bool"})"},
    {"cast", R"({"x": [1, -2, 0], "to": "f32", "dtype": "i32"})"},
    {"conv", R"({"x": {"dims": [2, 7, 6, 4]}, "filter": {"dims": [3, 2, 2, 6]}, "strides": [2, 1], "dilations": [1, 2],
                 "low": [1, 0], "high": [1, 2], "groups": 2, "layout": "NHWC", "filter_layout": "HWIO"})"},
    {"conv", R"({"x": {"dims": [1, 3, 8, 8]}, "filter": {"dims": [5, 3, 3, 3]}, "strides": [1, 1], "dilations": [1, 1],
                 "low": [-1, 1], "high": [0, -2], "groups": 1, "layout": "NCHW", "filter_layout": "OIHW"})"},
    {"conv", R"({"x": {"dims": [2, 4, 3, 5, 2]}, "filter": {"dims": [3, 2, 2, 2, 2]}, "strides": [1, 1, 1],
                 "dilations": [1, 1, 1], "low": [0, 0, 0], "high": [0, 0, 0], "groups": 1, "layout": "NDHWC",
                 "filter_layout": "ODHWI"})"},
    {"conv_transpose", R"({"x": {"dims": [2, 3, 4, 4]}, "filter": {"dims": [3, 3, 2, 4]}, "strides": [2, 1],
                           "dilations": [1, 1], "low": [1, 0], "high": [0, 1], "output_padding": [1, 0], "groups": 2,
                           "layout": "NHWC", "filter_layout": "HWOI"})"},
    {"cosine_similarity", R"({"x": {"dims": [2, 3, 4]}, "y": {"dims": [2, 3, 4]}, "axis": 1})"},
    {"cross_entropy", R"({"logits": {"dims": [4, 3]}, "labels": [1, 2, -100, 0], "weights": [[1, 2, 3]],
                          "label_smoothing": 0.1, "reduction": "mean"})"},
    {"cross_entropy", R"({"logits": {"dims": [4, 3]}, "labels": [1, 2, -100, 0], "weights": [], "reduction": "sum"})"},
    {"cummax", R"({"x": {"dims": [2, 5, 3]}, "axis": 1, "reverse": true, "exclusive": true})"},
    {"cummin", R"({"x": {"dims": [4, 3]}, "axis": 0})"},
    {"cumprod", R"({"x": {"dims": [2, 5]}, "axis": 1, "reverse": true})"},
    {"cumprod", R"({"x": {"dims": [5, 2]}, "axis": 0, "exclusive": true})"},
    {"cumsum", R"({"x": {"dims": [2, 5]}, "axis": 1, "reverse": true})"},
    {"diagonal", R"({"x": {"dims": [3, 2, 4]}, "offset": -1, "axis1": 0, "axis2": 2})"},
    {"div", R"({"x": [7, -7, 9], "y": [2, 2, -4], "dtype": "i32"})"},
    {"dropout", R"({"x": {"dims": [3, 7]}, "state": [5, 2], "op_id": 3, "rate": 0.3})"},
    {"einsum", R"({"inputs": [{"dims": [2, 3, 4]}, {"dims": [2, 4, 5]}], "equation": "bij, bjk -> bik"})"},
    {"fold", R"({"x": {"dims": [2, 3, 3, 2, 2, 3]}, "lengths": [6, 6], "kernel": [2, 2], "strides": [2, 1],
                 "dilations": [1, 2], "low": [0, 0], "high": [0, -1]})"},
    {"fold", R"({"x": {"dims": [1, 4, 3, 2]}, "lengths": [5], "kernel": [3], "strides": [1], "dilations": [1],
                 "low": [1], "high": [0]})"},
    {"gather", R"({"x": {"dims": [2, 3, 4, 5]}, "indices": [[0, -1], [2, 1]], "axis": 3, "batch_dims": 0})"},
    {"gather", R"({"x": {"dims": [2, 3, 4]}, "indices": [[0, -1, 2], [1, 1, 0]], "axis": 2, "batch_dims": 1})"},
    {"gather", R"({"x": {"dims": [2, 3, 4]}, "indices": [[0, -1, 2], [1, 1, 0]], "axis": 2, "batch_dims": 2})"},
    {"gather_nd", R"({"x": {"dims": [2, 3, 4]}, "indices": [[[0, 1]], [[-1, 2]]], "batch_dims": 1})"},
    {"gelu", R"({"x": {"dims": [3, 5]}})"},
    {"group_norm", R"({"x": {"dims": [2, 4, 3, 6]}, "scale": {"dims": [6]}, "bias": {"dims": [6]}, "groups": 3})"},
    {"group_norm",
     R"({"x": {"dims": [2, 6, 3]}, "scale": {"dims": [6]}, "bias": {"dims": [6]}, "groups": 2, "axis": 1})"},
    {"hard_tanh", R"({"x": [-2, -0.5, 0.5, 2], "low": -0.75, "high": 1.5})"},
    {"huber_loss", R"({"prediction": {"dims": [3, 4]}, "target": {"dims": [3, 4]}, "delta": 0.5, "reduction": "sum"})"},
    {"instance_norm", R"({"x": {"dims": [2, 3, 4]}, "scale": {"dims": [3]}, "bias": {"dims": [3]}, "axis": 1})"},
    {"iota", R"({"shape": [2, 3], "axis": 0, "dtype": "f32"})"},
    {"kl_div", R"({"input": [[-1, -2], [-0.5, -1]], "target": [[-1, -0.5], [-2, -1]], "log_target": true,
                   "reduction": "batchmean"})"},
    {"layer_norm", R"({"x": {"dims": [2, 3, 4]}, "scale": {"dims": [3, 4]}, "bias": {"dims": [3, 4]}, "axis": 1})"},
    {"linear_recurrence", R"({"a": {"dims": [2, 5]}, "b": {"dims": [2, 5]}, "axis": 1, "reverse": true})"},
    {"matmul", R"({"a": {"dims": [2, 4, 3]}, "b": {"dims": [2, 5, 4]}, "transpose_a": true, "transpose_b": true})"},
    {"max_pool", R"({"x": {"dims": [2, 7, 6, 3]}, "kernel": [3, 2], "strides": [2, 1], "dilations": [1, 2],
                     "low": [1, 0], "high": [1, 1], "ceil_mode": false, "layout": "NHWC"})"},
    {"max_pool", R"({"x": {"dims": [1, 2, 7]}, "kernel": [2], "strides": [2], "dilations": [1], "low": [0],
                     "high": [0], "ceil_mode": true, "layout": "NCW"})"},
    {"mod", R"({"x": [7, -7, 9], "y": [2, 2, -4], "dtype": "i64"})"},
    {"nll_loss",
     R"({"log_probabilities": {"dims": [3, 4]}, "labels": [3, -100, 1], "weights": [], "reduction": "mean"})"},
    {"one_hot", R"({"indices": [[2, 0], [-1, 5]], "depth": 3, "dtype": "f32"})"},
    {"pad", R"({"x": {"dims": [2, 3]}, "value": 7, "low": [1, 0], "high": [0, 2], "interior": [2, 1]})"},
    {"pad_extend", R"({"x": {"dims": [3, 4]}, "low": [1, 2], "high": [0, 1], "mode": "edge"})"},
    {"pad_extend", R"({"x": {"dims": [3, 4]}, "low": [1, 2], "high": [0, 1], "mode": "wrap"})"},
    {"random_bernoulli", R"({"state": [42, 3], "op_id": 7, "probability": {"dims": [3, 5]}, "dtype": "f32"})"},
    {"random_normal", R"({"state": [42, 3], "op_id": 7, "shape": [3, 5], "dtype": "f32", "mean": 1, "stddev": 2})"},
    {"random_normal", R"({"state": [42, 3], "op_id": 7, "shape": [5], "dtype": "f64"})"},
    {"random_uniform",
     R"({"state": [-3, 12345678901], "op_id": 9, "shape": [7], "dtype": "f64", "low": -1, "high": 2})"},
    {"reduce_max", R"({"x": {"dims": [2, 3, 4]}, "axes": [0, 2], "keep_dims": true})"},
    {"reduce_sum", R"({"x": [[1, 2], [3, 4]], "axes": [], "dtype": "i64"})"},
    {"relu", R"({"x": [1, -2], "dtype": "i32"})"},
    {"reverse", R"({"x": {"dims": [2, 3, 4]}, "axes": [0, -1]})"},
    {"roll", R"({"x": {"dims": [3, 4]}, "shifts": [-1, 6], "axes": [0, 1]})"},
    {"scatter", R"({"x": {"dims": [3, 4]}, "indices": [[1, 0, -1, 2]], "updates": {"dims": [1, 4]}, "axis": 0,
                    "reduction": "none"})"},
    {"scatter_add", R"({"x": {"dims": [4, 3]}, "indices": [[1, 3], [-1, 1]], "updates": {"dims": [2, 2, 3]}})"},
    {"scatter_add", R"({"x": {"dims": [2, 3, 4]}, "indices": [[1, 3], [-1, 1]], "updates": {"dims": [2, 3, 2]},
                        "axis": 2, "batch_dims": 1})"},
    {"scatter_slices", R"({"x": {"dims": [3, 4, 2]}, "indices": [1, -1], "updates": {"dims": [3, 2, 2]}, "axis": 1,
                           "reduction": "mul"})"},
    {"segment_max", R"({"data": {"dims": [4, 2]}, "segment_ids": [0, 2, 0, 2], "num_segments": 3})"},
    {"segment_mean", R"({"data": {"dims": [4, 2]}, "segment_ids": [0, 2, 0, 2], "num_segments": 3})"},
    {"select", R"({"condition": [true, false], "x": [true, true], "y": [false, false], "dtype": "bool"})"},
    {"shift_left", R"({"x": [1, 2, 200], "y": [1, 9, 2], "dtype": "u8"})"},
    {"shift_right", R"({"x": [1, 2, 200], "y": [1, 9, 2], "dtype": "u32"})"},
    {"slice", R"({"x": {"dims": [3, 7, 2]}, "starts": [0, 1, 0], "ends": [3, 6, 2], "steps": [1, 2, 1]})"},
    {"smooth_l1", R"({"prediction": {"dims": [3, 4]}, "target": {"dims": [3, 4]}, "beta": 0.5, "reduction": "none"})"},
    {"softmax", R"({"x": {"dims": [2, 3, 4]}, "axis": 1})"},
    {"softplus", R"({"x": [-2, 0, 3], "beta": 2})"},
    {"sort", R"({"x": {"dims": [3, 5]}, "axis": 0, "descending": false})"},
    {"step", R"({"x": [1, -2, 0], "dtype": "i32"})"},
    {"top_k", R"({"x": {"dims": [3, 5]}, "k": 2, "axis": 0, "largest": false})"},
    {"triangular", R"({"x": {"dims": [2, 3, 4]}, "upper": true, "k": -1})"},
    {"triplet_margin_loss", R"({"anchor": {"dims": [3, 4]}, "positive": {"dims": [3, 4]}, "negative": {"dims": [3, 4]},
                                "p": 3, "swap": true, "reduction": "mean"})"},
    {"unfold", R"({"x": {"dims": [2, 6, 7, 3]}, "value": 0.5, "kernel": [2, 3], "strides": [2, 1], "dilations": [1, 2],
                   "low": [1, -1], "high": [0, 2]})"},
};

class OpCaseBuilder {
 public:
  using Json = nlohmann::ordered_json;

  explicit OpCaseBuilder(const OpSchema& op) : op_(op) {}

  /// The case for these inputs. Errors: those of building and running the graph.
  StatusOr<OpCase> build(const std::string& name, const Json& inputs) {
    GraphBuilder g(name);
    OpCase result;
    result.name = name;
    std::optional<DType> wanted;
    // `dtype` is an attribute of some ops, and says what operands are of for the others.
    const bool hasDtype = std::any_of(op_.attributes.begin(), op_.attributes.end(),
                                      [](const AttributeSpec& attribute) { return attribute.name == "dtype"; });
    if (inputs.contains("dtype") && !hasDtype) {
      wanted = parseDType(inputs["dtype"].get<std::string>());
    }
    std::vector<Value> operands;
    std::vector<NamedValue> feeds;
    for (const OperandSpec& operand : op_.operands) {
      const Json& value = inputs.at(std::string(operand.name));
      for (const Json& element : operand.isVariadic ? value : Json::array({value})) {
        if (operand.dtypeSummary.starts_with("shape")) {
          operands.push_back(g.makeNode("shape_value", {}, {{"shape", Shape::of(element.get<std::vector<int64_t>>())}},
                                        "shape", std::source_location::current())[0]);
          continue;
        }
        Tensor tensor = tensorOf(operand, element, wanted);
        const std::string feed = "x" + std::to_string(result.feeds.size());
        operands.push_back(g.placeholder(feed, tensor.dtype(), Shape::of(tensor.dims())));
        feeds.emplace_back(feed, operands.back());
        result.feeds.push_back(std::move(tensor));
      }
    }
    Attributes attributes;
    for (const AttributeSpec& attribute : op_.attributes) {
      if (inputs.contains(std::string(attribute.name))) {
        attributes.set(std::string(attribute.name), attributeOf(attribute.kind, inputs[std::string(attribute.name)]));
      }
    }
    const std::vector<Value> values =
        g.makeNode(op_.name, operands, std::move(attributes), op_.name, std::source_location::current());
    std::vector<NamedValue> fetches;
    for (size_t i = 0; i < values.size(); ++i) {
      fetches.emplace_back("y" + std::to_string(i), values[i]);
    }
    g.entry("predict", {.feeds = feeds, .fetches = fetches, .targets = {}});
    KILN_ASSIGN_OR_RETURN(result.graph, g.finish());
    VariableStore variables;
    std::vector<TensorView> views;
    for (const Tensor& feed : result.feeds) {
      views.push_back(feed.view());
    }
    KILN_ASSIGN_OR_RETURN(result.fetches,
                          Interpreter().evaluate(result.graph, *result.graph.findEntry("predict"), views, variables));
    return result;
  }

  /// The inputs of the op's own example.
  Json example() const {
    if (!op_.example.empty()) {
      return Json::parse(op_.example);
    }
    static const std::vector<std::vector<double>> kNumbers = {{-2, -0.5, 0, 0.5, 2},
                                                              {3, -1, 2, 0.5, 2},
                                                              {1, 1, -1, 0, 4}},
                                                  kPositive = {{0.25, 0.5, 1, 2, 10}, {2, 0.5, 3, 1, 0.5}},
                                                  kWhole = {{7, 1, 0, 5, 12}, {3, 2, 4, 3, 10}, {1, 1, 2, 2, 3}};
    Json inputs;
    for (size_t i = 0; i < op_.operands.size(); ++i) {
      const auto& dtypes = op_.operands[i].dtypes;
      const bool isFloat = std::find(dtypes.begin(), dtypes.end(), f32) != dtypes.end();
      const bool isBool = dtypes.size() == 1 && dtypes[0] == boolean;
      inputs[op_.operands[i].name] = isBool     ? std::vector<double>{1, 0, 1, 0, static_cast<double>(i % 2)}
                                     : !isFloat ? kWhole[i]
                                     : op_.sweep == "positive" ? kPositive[i]
                                                               : kNumbers[i];
    }
    return inputs;
  }

 private:
  static void flatten(const Json& value, size_t depth, std::vector<int64_t>& dims, std::vector<double>& numbers) {
    if (!value.is_array()) {
      numbers.push_back(value.is_boolean() ? (value.get<bool>() ? 1 : 0) : value.get<double>());
      return;
    }
    if (dims.size() == depth) {
      dims.push_back(static_cast<int64_t>(value.size()));
    }
    for (const Json& element : value) {
      flatten(element, depth + 1, dims, numbers);
    }
  }

  Tensor tensorOf(const OperandSpec& operand, const Json& value, std::optional<DType> wanted) {
    const auto allows = [&](DType dtype) {
      return std::find(operand.dtypes.begin(), operand.dtypes.end(), dtype) != operand.dtypes.end();
    };
    const DType dtype = wanted && allows(*wanted) ? *wanted : allows(f32) ? f32 : allows(i64) ? i64 : operand.dtypes[0];
    std::vector<int64_t> dims;
    std::vector<double> numbers;
    if (value.is_object()) {
      dims = value["dims"].get<std::vector<int64_t>>();
      for (int64_t i = 0; i < *checkedNumElements(dims); ++i, ++drawn_) {
        numbers.push_back(value.contains("below") ? static_cast<double>((drawn_ * 7) % value["below"].get<int64_t>())
                                                  : std::sin(1.7 * static_cast<double>(drawn_) + 0.3));
      }
    } else {
      flatten(value, 0, dims, numbers);
    }
    Tensor tensor(dtype, dims);
    for (size_t i = 0; i < numbers.size(); ++i) {
      tensor.set(static_cast<int64_t>(i), numbers[i]);
    }
    return tensor;
  }

  Attribute attributeOf(AttributeKind kind, const Json& value) {
    switch (kind) {
      case AttributeKind::kInt:
        return value.get<int64_t>();
      case AttributeKind::kFloat:
        return value.get<double>();
      case AttributeKind::kBool:
        return value.get<bool>();
      case AttributeKind::kDType:
        return parseDType(value.get<std::string>()).value();
      case AttributeKind::kShape:
        return Shape::of(value.get<std::vector<int64_t>>());
      case AttributeKind::kInts:
        return value.get<std::vector<int64_t>>();
      case AttributeKind::kTensor:
        return std::make_shared<const Tensor>(
            tensorOf({.name = "", .dtypes = std::span(&f32, 1), .dtypeSummary = ""}, value, std::nullopt));
      default:
        return value.get<std::string>();
    }
  }

  const OpSchema& op_;
  int64_t drawn_ = 0;  ///< So that no two operands are equal.
};

/// Cases for every op that is exported as nodes and that a reference can run. An error names the case.
inline StatusOr<std::vector<OpCase>> opCases() {
  std::vector<OpCase> cases;
  const auto add = [&](const OpSchema& op, const std::string& name, const nlohmann::ordered_json& inputs) -> Status {
    StatusOr<OpCase> made = OpCaseBuilder(op).build(name, inputs);
    if (!made.ok()) {
      return annotate(made.status(), name);
    }
    cases.push_back(*std::move(made));
    return {};
  };
  for (const OpSchema& op : allOps()) {
    const std::optional<ExportInfo> info = exportInfoOf(op.name);
    if (!info || info->kind != ExportKind::kDirect || op.reference == nullptr) {
      continue;
    }
    KILN_RETURN_IF_ERROR(add(op, std::string(op.name), OpCaseBuilder(op).example()));
  }
  std::map<std::string, int> counts;
  for (const auto& [op, inputs] : kMoreCases) {
    const std::string name = std::string(op) + "_" + std::to_string(++counts[op]);
    KILN_RETURN_IF_ERROR(add(*findOp(op), name, nlohmann::ordered_json::parse(inputs)));
  }
  return cases;
}

}  // namespace kiln::onnx::testing
