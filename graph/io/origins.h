// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What values of other systems' models depend on while they are imported, and names that graphs accept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln {

/// What a value was made from, as far as the model's inputs go.
struct Origins {
  std::vector<int> inputs;      ///< The inputs whose values it depends on, sorted.
  bool needsLengths = false;    ///< It depends on lengths that are symbols.
  bool isDecidedByRun = false;  ///< No value of an input can tell it: random, or inside a body.
  void add(const Origins& other);
};

/// An input of more elements holds data, not lengths: its value is not built into a graph.
inline constexpr int64_t kMostElementsOfShapeInput = 4096;

/// A name that graphs accept, near to that of the model.
std::string graphName(std::string_view name);

}  // namespace kiln
