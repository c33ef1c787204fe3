// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/nn/layer_support.h"

namespace kiln::nn {

Value failLayer(GraphBuilder& g, std::string_view layer, std::string_view why, std::source_location where) {
  g.addError(makeError<ErrorId::kG0512>(std::string(layer), std::string(why)), where);
  return g.poisoned();
}

std::string typeText(const Value& value) { return ValueType{value.dtype(), value.shape()}.toString(); }

bool checkOperands(GraphBuilder& g, std::string_view layer, const std::vector<LayerOperand>& operands,
                   std::source_location where) {
  for (const LayerOperand& operand : operands) {
    if (isGiven(operand.value) && operand.value.isPoisoned()) {
      return false;
    }
  }
  for (const LayerOperand& operand : operands) {
    const Value& value = operand.value;
    if (!isGiven(value)) {
      if (!operand.isOptional) {
        failLayer(g, layer, std::string(operand.name) + " is missing", where);
        return false;
      }
      continue;
    }
    const bool isOfKind = operand.isFloat ? isFloat(value.dtype()) : isInteger(value.dtype());
    if (!isOfKind || (operand.rank >= 0 && value.rank() != operand.rank)) {
      std::string wanted = operand.isFloat ? "a float tensor" : "an integer tensor";
      if (operand.rank >= 0) {
        wanted += " of rank " + std::to_string(operand.rank);
      }
      failLayer(g, layer, std::string(operand.name) + " is " + typeText(value) + ", wanted " + wanted, where);
      return false;
    }
  }
  return true;
}

Value lengthOf(GraphBuilder& g, const Dim& length, std::source_location where) {
  if (length.isStatic()) {
    return g.constant(Tensor::scalar<int64_t>(length.value()), "length", where);
  }
  const Value lengths = g.makeNode("shape_value", {}, {{"shape", Shape{length}}}, "", where)[0];
  return reshape(Operand(lengths, where), Shape{});
}

Value sliceAlong(Operand x, int axis, const Dim& begin, const Dim& end) {
  if (x.value.isPoisoned()) {
    return x.value;
  }
  Shape ends = x.value.shape();
  Shape starts(std::vector<Dim>(ends.dims().size(), Dim(0)));
  starts[axis] = begin;
  ends[axis] = end;
  return slice(x, starts, ends);
}

Value rowOf(Operand x, int64_t i) {
  const Value row = sliceAlong(x, 0, i, i + 1);
  return squeeze(Operand(row, x.where), 0);
}

}  // namespace kiln::nn
