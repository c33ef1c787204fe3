// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What layers made of several operations share. Private to graph/nn.
#pragma once

#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include "graph/build/operations.h"

namespace kiln::nn {

/// The place of a layer's call, for the operations that the layer makes: `at(x) * at(y)`.
struct Place {
  std::source_location where;
  Operand operator()(Value value) const { return {value, where}; }
  template <class T>
    requires std::is_arithmetic_v<T>
  Operand operator()(T number) const {
    return {number, where};
  }
};

/// An operand of a layer by its name in messages.
struct LayerOperand {
  std::string_view name;
  Value value;
  int rank = -1;            ///< -1: any.
  bool isOptional = false;  ///< Left out when it is of no builder.
  bool isFloat = true;      ///< Otherwise an integer tensor.
};

/// Records KILN-G0512.
Value failLayer(GraphBuilder& g, std::string_view layer, std::string_view why, std::source_location where);

/// Whether the operands are there, of these ranks and kinds. Otherwise an error is recorded, unless one of them is
/// poisoned and its error is known.
bool checkOperands(GraphBuilder& g, std::string_view layer, const std::vector<LayerOperand>& operands,
                   std::source_location where);

inline bool isGiven(const Value& value) { return value.builder() != nullptr; }
/// `f32 [batch, 4]`
std::string typeText(const Value& value);
/// The type in which layers add up what is given in `type`: f32 for f16 and bf16, else `type`.
inline DType sumType(DType type) { return type == f16 || type == bf16 ? f32 : type; }

/// A length as an i64 scalar.
Value lengthOf(GraphBuilder& g, const Dim& length, std::source_location where);
/// x[.., begin .. end, ..] along an axis.
Value sliceAlong(Operand x, int axis, const Dim& begin, const Dim& end);
/// Row i of x, without its axis 0.
Value rowOf(Operand x, int64_t i);

}  // namespace kiln::nn
