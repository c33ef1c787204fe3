// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What picks elements by their values, so that only the run knows how many there are. The lengths of the results
/// are dimensions that bindDim() makes; the buffers behind them are bounded by the operands. None of these results is
/// differentiable but values: gathers of x.
#pragma once

#include <cstdint>
#include <optional>
#include <source_location>

#include "graph/build/control_flow.h"
#include "graph/build/operations.h"

namespace kiln::nn {

/// The first `count` of x along an axis, which must have as many in the run (KILN-R0030 otherwise).
Value firstAlong(Value x, const Dim& count, int64_t axis = 0,
                 std::source_location where = std::source_location::current());

/// Where x, of any type, is not zero: i64 [rank, count], a column of indices for each such element in row-major order
/// (numpy.nonzero; ONNX NonZero). A scalar counts as a tensor of one element of rank 1.
Value nonZero(GraphBuilder& g, Value x, std::source_location where = std::source_location::current());

/// The slices of x along `axis` for which the bool vector `condition` holds; without an axis, elements of x in
/// row-major order (numpy.compress). A condition shorter than the axis leaves the rest out; one known to be longer is
/// KILN-G0512, and a longer one in the run KILN-R0030 where it holds.
Value compress(GraphBuilder& g, Value x, Value condition, std::optional<int64_t> axis = {},
               std::source_location where = std::source_location::current());

struct UniqueResult {
  Value values;   ///< Each once: [count], or x with `count` slices along the axis.
  Value indices;  ///< i64 [count]: where each occurs first.
  Value inverse;  ///< i64: for each element or slice of x its place among the values.
  Value counts;   ///< i64 [count]: how often each occurs.
};

/// The elements of x, or its slices along `axis`, each once (numpy.unique; ONNX Unique): in ascending order, slices by
/// their elements in row-major order, or in the order in which they occur first. NaNs are equal to each other here, and
/// larger than all else. Sorts once for each element of a slice.
UniqueResult unique(GraphBuilder& g, Value x, std::optional<int64_t> axis = {}, bool isSorted = true,
                    std::source_location where = std::source_location::current());

struct NonMaxSuppressionOptions {
  /// Boxes are (x centre, y centre, width, height); otherwise two opposite corners (y, x, y, x).
  bool isCenterForm = false;
  std::optional<Value> scoreThreshold = {};  ///< Only boxes with a score above this scalar take part.
};

/// The boxes that are left when, from the best score down, each suppresses those of its class that overlap with it by
/// more than `iouThreshold`, the area of the intersection over that of the union. `boxes` is [batches, boxes, 4],
/// `scores` [batches, classes, boxes], both of one float type; `maxPerClass` is an i64 scalar and `iouThreshold` a
/// scalar of the boxes' type, or numbers. The result is i64 [count, 3]: batch, class, box; by batch, then class, then
/// descending score, boxes with lower numbers first among equals (ONNX NonMaxSuppression). One step for each selected
/// box of the class that has the most, over all classes at once. Errors: KILN-G0512.
Value nonMaxSuppression(GraphBuilder& g, Value boxes, Value scores, Operand maxPerClass, Operand iouThreshold,
                        const NonMaxSuppressionOptions& options = {},
                        std::source_location where = std::source_location::current());

}  // namespace kiln::nn
