// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Results whose length only the run knows: nn/selection.h.
#include "graph/io/tensorflow/node_import.h"
#include "graph/nn/selection.h"

namespace kiln::tensorflow {
namespace {

// The places of what is not zero, a row for each.
Status convertWhere(NodeImport& n) {
  if (n.rank(0) == 0) {
    return n.unsupported("the places of a scalar");
  }
  n.set(0, transpose(nn::nonZero(n.g, n.in(0)), {1, 0}));
  return {};
}

Status convertUnique(NodeImport& n) {
  if (n.rank(0) != 1) {
    return n.invalid("x is " + n.shape(0).toString() + ", wanted a vector");
  }
  const nn::UniqueResult unique = nn::unique(n.g, n.in(0), std::nullopt, /*isSorted=*/false);
  n.set(0, unique.values);
  n.set(1, cast(unique.inverse, n.type("out_idx", i32)));
  return {};
}

Status suppress(NodeImport& n, Operand threshold, std::optional<Value> scoreThreshold) {
  const Value boxes = n.in(0), scores = n.in(1), most = n.in(2);
  if (n.rank(0) != 2 || n.rank(1) != 1 || n.rank(2) != 0) {
    return n.invalid("boxes are " + n.shape(0).toString() + " and scores " + n.shape(1).toString());
  }
  const Value all = expandDims(expandDims(scores, 0), 0);
  const Value chosen = nn::nonMaxSuppression(n.g, expandDims(boxes, 0), all, cast(most, i64), threshold,
                                             {.isCenterForm = false, .scoreThreshold = scoreThreshold});
  if (chosen.isPoisoned()) {
    n.set(0, chosen);
    return {};
  }
  n.set(0, cast(squeeze(slice(chosen, {0, 2}, {chosen.shape()[0], 3}), 1), i32));
  return {};
}

Status convertNonMaxSuppression(NodeImport& n) { return suppress(n, n.number("iou_threshold", 0.5), std::nullopt); }
Status convertNonMaxSuppressionV2(NodeImport& n) { return suppress(n, n.in(3), std::nullopt); }
Status convertNonMaxSuppressionV3(NodeImport& n) { return suppress(n, n.in(3), n.in(4)); }

constexpr Converter kConverters[] = {
    {"NonMaxSuppression", convertNonMaxSuppression},
    {"NonMaxSuppressionV2", convertNonMaxSuppressionV2},
    {"NonMaxSuppressionV3", convertNonMaxSuppressionV3},
    {"Unique", convertUnique},
    {"Where", convertWhere},
};

}  // namespace

std::span<const Converter> dataDependentConverters() { return kConverters; }

}  // namespace kiln::tensorflow
