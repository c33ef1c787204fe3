// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The equation of einsum, read: which axis of which input carries which label.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "proto/base/shape.h"
#include "proto/base/status.h"

namespace kiln::ops {

/// An equation with its `...` resolved. Labels are letters, or kEllipsis + i for the axis of `...` that is i-th from
/// the last.
struct Einsum {
  static constexpr int kEllipsis = 256;
  std::vector<std::vector<int>> inputs;  ///< A label for each axis of each input.
  std::vector<int> output;
  std::map<int, Dim> lengths;  ///< Of each label. An input's axis of `...` may have length 1 instead.
};

/// Reads an equation for inputs of these shapes. Errors: KILN-O0133 for an equation that does not fit them, KILN-O0138
/// for an input whose lengths differ from those before it.
StatusOr<Einsum> readEinsum(const std::string& equation, const std::vector<Shape>& shapes);

}  // namespace kiln::ops
