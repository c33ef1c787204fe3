// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/known_values.h"

#include <string_view>

#include "graph/build/builder_state.h"

namespace kiln {
namespace {

/// `value` and a number; a number alone when there is no value.
struct Sum {
  ValueRef value;
  int64_t number = 0;
};

bool isOneInteger(const ValueType& type) { return isInteger(type.dtype) && type.shape.numElements() == Dim(1); }

std::optional<int64_t> constantOf(const Body& body, ValueRef value) {
  // The same number in another shape or type.
  for (const Node* node = &body.node(value.node);; node = &body.node(node->inputs[0].node)) {
    if (node->op->name == "constant") {
      const Tensor& tensor = *node->attributes.get<TensorPtr>("value");
      return isInteger(tensor.dtype()) && tensor.numElements() == 1 ? std::optional(static_cast<int64_t>(tensor.at(0)))
                                                                    : std::nullopt;
    }
    if (node->op->name != "reshape" && node->op->name != "broadcast" && node->op->name != "cast") {
      return std::nullopt;
    }
  }
}

// Follows a value to what it was made of.
Sum sumOf(const Body& body, ValueRef value) {
  Sum sum{value, 0};
  while (isOneInteger(body.type(sum.value))) {
    if (const auto number = constantOf(body, sum.value)) {
      return {ValueRef{}, sum.number + *number};
    }
    const Node& node = body.node(sum.value.node);
    const std::string_view op = node.op->name;
    if (op == "reshape" || op == "broadcast" || op == "cast") {
      sum.value = node.inputs[0];
    } else if (op == "add" || op == "sub") {
      const auto first = constantOf(body, node.inputs[0]), second = constantOf(body, node.inputs[1]);
      if (second) {
        sum = {node.inputs[0], sum.number + (op == "add" ? *second : -*second)};
      } else if (first && op == "add") {
        sum = {node.inputs[1], sum.number + *first};
      } else {
        break;
      }
    } else {
      break;
    }
  }
  return sum;
}

}  // namespace

std::optional<int64_t> knownDifference(const Value& a, const Value& b) {
  if (a.builder() == nullptr || a.builder() != b.builder() || a.isPoisoned() || b.isPoisoned() ||
      a.body() != b.body()) {
    return std::nullopt;
  }
  const Body& body = a.builder()->state().bodyOf(a.body());
  if (!isOneInteger(body.type(a.ref())) || !isOneInteger(body.type(b.ref()))) {
    return std::nullopt;
  }
  const Sum from = sumOf(body, a.ref()), to = sumOf(body, b.ref());
  return from.value == to.value ? std::optional(to.number - from.number) : std::nullopt;
}

}  // namespace kiln
