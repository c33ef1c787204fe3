// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Computes the examples of the op entries by their references and prints them as one JSON object: op -> text. Ends with
// an error when an op that has a reference has no example, or one that does not run.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "ops/spec/run_reference.h"

namespace kiln {
namespace {

using Json = nlohmann::ordered_json;

// Inputs of elementwise ops that have none of their own, by position.
const std::vector<std::vector<double>> kNumbers = {{-2, -0.5, 0, 0.5, 2}, {3, -1, 2, 0.5, 2}, {1, 1, -1, 0, 4}};
const std::vector<std::vector<double>> kPositive = {{0.25, 0.5, 1, 2, 10}, {2, 0.5, 3, 1, 0.5}, {1, 2, 3, 4, 5}};
const std::vector<std::vector<double>> kWhole = {{-7, -1, 0, 5, 12}, {3, 2, 4, 3, 10}, {1, 1, 2, 2, 3}};
const std::vector<std::vector<double>> kBools = {{0, 0, 1, 1}, {0, 1, 0, 1}, {1, 1, 0, 0}};

Json defaultInputs(const OpSchema& op) {
  Json inputs;
  const bool hasBools = std::all_of(op.operands.begin(), op.operands.end(), [](const OperandSpec& operand) {
    return operand.dtypes.size() == 1 && operand.dtypes[0] == boolean;
  });
  for (size_t i = 0; i < op.operands.size(); ++i) {
    const OperandSpec& operand = op.operands[i];
    const bool isFloatOp = std::find(operand.dtypes.begin(), operand.dtypes.end(), f32) != operand.dtypes.end();
    if (operand.dtypes.size() == 1 && operand.dtypes[0] == boolean) {
      inputs[operand.name] = hasBools ? kBools[i] : std::vector<double>{1, 0, 1, 0, 1};
    } else {
      inputs[operand.name] = !isFloatOp ? kWhole[i] : op.sweep == "positive" ? kPositive[i] : kNumbers[i];
    }
  }
  return inputs;
}

void flatten(const Json& value, size_t depth, std::vector<int64_t>& dims, std::vector<double>& numbers) {
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

Tensor tensorOf(const OperandSpec& operand, const Json& value) {
  std::vector<int64_t> dims;
  std::vector<double> numbers;
  flatten(value, 0, dims, numbers);
  const auto allows = [&](DType dtype) {
    return std::find(operand.dtypes.begin(), operand.dtypes.end(), dtype) != operand.dtypes.end();
  };
  Tensor tensor(allows(f32) ? f32 : allows(i64) ? i64 : operand.dtypes[0], dims);
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
    case AttributeKind::kString:
      return value.get<std::string>();
    case AttributeKind::kDType:
      return parseDType(value.get<std::string>()).value();
    case AttributeKind::kShape:
      return Shape::of(value.get<std::vector<int64_t>>());
    case AttributeKind::kInts:
      return value.get<std::vector<int64_t>>();
    case AttributeKind::kTensor:
      return std::make_shared<const Tensor>(
          tensorOf({.name = "", .dtypes = std::span(&f32, 1), .dtypeSummary = ""}, value));
  }
  return int64_t{0};
}

StatusOr<std::string> example(const OpSchema& op) {
  const Json inputs = op.example.empty() ? defaultInputs(op) : Json::parse(op.example);
  std::string call = std::string(op.name) + "(";
  std::vector<Tensor> operands;
  const auto add = [&](std::string_view name, const std::string& text) {
    call += (call.back() == '(' ? "" : ", ") + std::string(name) + " = " + text;
  };
  for (const OperandSpec& operand : op.operands) {
    const Json& value = inputs.at(std::string(operand.name));
    std::string text;
    for (const Json& element : operand.isVariadic ? value : Json::array({value})) {
      operands.push_back(tensorOf(operand, element));
      text += (text.empty() ? "" : ", ") + operands.back().toString();
    }
    add(operand.name, text);
  }
  Attributes attributes;
  for (const AttributeSpec& attribute : op.attributes) {
    const std::string name(attribute.name);
    if (inputs.contains(name)) {
      attributes.set(name, attributeOf(attribute.kind, inputs[name]));
      add(name, toString(*attributes.find(name)));
    }
  }
  KILN_ASSIGN_OR_RETURN(const std::vector<Tensor> results, runReference(op.name, operands, attributes));
  std::string text = call + ")\n";
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string name(op.results[std::min(i, op.results.size() - 1)].name);
    text += "  " + name + " = " + results[i].toString() + "\n";
  }
  return text;
}

int run() {
  Json page;
  int problems = 0;
  for (const OpSchema& op : allOps()) {
    if (op.reference == nullptr) {
      continue;
    }
    if (op.example.empty() && !op.isElementwise) {
      std::fprintf(stderr, "error: kiln.%s has no example: give its .td inputs\n", std::string(op.name).c_str());
      ++problems;
      continue;
    }
    const StatusOr<std::string> text = example(op);
    if (!text.ok()) {
      std::fprintf(stderr, "error: kiln.%s: the example does not run: %s\n", std::string(op.name).c_str(),
                   std::string(text.status().message()).c_str());
      ++problems;
      continue;
    }
    page[std::string(op.name)] = *text;
  }
  std::printf("%s\n", page.dump(1).c_str());
  return problems == 0 ? 0 : 1;
}

}  // namespace
}  // namespace kiln

int main() {
  try {
    return kiln::run();
  } catch (const nlohmann::json::exception& error) {
    std::fprintf(stderr, "error: an example is not the JSON object it should be: %s\n", error.what());
    return 1;
  }
}
