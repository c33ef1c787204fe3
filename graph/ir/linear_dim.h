// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Dimensions that tell the value of their symbol.
#pragma once

#include <optional>
#include <string>

#include "proto/base/shape.h"

namespace kiln {

/// factor * symbol + offset.
struct LinearDim {
  std::string symbol;
  int64_t factor = 1;
  int64_t offset = 0;

  /// The symbol's value where the dim is `length`; nothing when that is no whole number.
  std::optional<int64_t> solve(int64_t length) const {
    int64_t rest = 0;
    // The smallest number has no quotient by -1.
    if (__builtin_sub_overflow(length, offset, &rest) || rest == INT64_MIN || rest % factor != 0) {
      return std::nullopt;
    }
    return rest / factor;
  }
};

/// The dim in that form, when it is one.
inline std::optional<LinearDim> linearDim(const Dim& dim) {
  LinearDim linear;
  for (const Dim::Term& term : dim.terms()) {
    if (term.symbols.empty()) {
      linear.offset = term.coefficient;
    } else if (linear.symbol.empty() && term.symbols.size() == 1 && !Dim::functionOf(term.symbols[0])) {
      linear.symbol = term.symbols[0];
      linear.factor = term.coefficient;
    } else {
      return std::nullopt;
    }
  }
  return linear.symbol.empty() ? std::nullopt : std::optional(linear);
}

}  // namespace kiln
