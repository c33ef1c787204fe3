// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Simpler tensors. Private to graph/reduce.
#pragma once

#include <optional>

#include "graph/ir/graph.h"

namespace kiln::reduction {

/// Whether every byte is zero.
bool isZero(const Tensor& tensor);

/// The graph with the axes of length `from` of every placeholder, variable, constant and shape attribute made `to`
/// long, which is shorter; what is cut off of values is lost. Nothing when there are none, or when elements are
/// smaller than bytes.
std::optional<GraphData> withLength(const GraphData& data, int64_t from, int64_t to);

/// The graph with `length` in place of a symbol, in functions too.
GraphData withSymbol(const GraphData& data, const std::string& symbol, int64_t length);

/// The lengths above 1 that axes of leaves and variables have, longest first.
std::vector<int64_t> lengthsOf(const GraphData& data);

}  // namespace kiln::reduction
