// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
#include <array>
#include <limits>

#include "graph/io/onnx/node_import.h"

namespace kiln::onnx {
namespace {

// The axis of classes is the second one in ONNX, and the last one in Kiln.
Value classesLast(const Value& x) {
  if (x.isPoisoned() || x.rank() <= 2) {
    return x;
  }
  std::vector<int64_t> order = {0};
  for (int axis = 2; axis < x.rank(); ++axis) {
    order.push_back(axis);
  }
  order.push_back(1);
  return transpose(x, order);
}

bool isHalf(DType type) { return type == f16 || type == bf16; }

// The loss of log-probabilities, of which halves are f32 here.
Status setLoss(NodeImport& n, const Value& logProbabilities) {
  NllOptions options;
  options.reduction = n.text("reduction", "mean");
  if (options.reduction != "none" && options.reduction != "mean" && options.reduction != "sum") {
    return n.invalid("reduction '" + options.reduction + "'");
  }
  constexpr int64_t kLowest = std::numeric_limits<int32_t>::min();
  // No label is the lowest number, so that without the attribute none is ignored.
  options.ignoreIndex = n.integer("ignore_index", kLowest);
  if (options.ignoreIndex != static_cast<int32_t>(options.ignoreIndex)) {
    return n.unsupported("ignore_index " + std::to_string(options.ignoreIndex));
  }
  if (n.has(2)) {
    options.weights = cast(n.in(2), logProbabilities.dtype());
  }
  n.set(0, cast(nllLoss(classesLast(logProbabilities), n.in(1), options), n.dtype(0)));
  return {};
}

StatusOr<Value> scores(NodeImport& n) {
  if (n.rank(0) < 2 || n.rank(1) != n.rank(0) - 1) {
    return n.invalid("its inputs have ranks " + std::to_string(n.rank(0)) + " and " + std::to_string(n.rank(1)) +
                     ", wanted at least 2 and one less");
  }
  for (int axis = 0, label = 0; axis < n.rank(0); ++axis) {
    const Dim& length = n.shape(0)[axis];
    if (axis != 1 && !(length == n.shape(1)[label++]) && !(length.isStatic() && n.shape(1)[label - 1].isStatic())) {
      return n.unsupported("operands of these symbolic lengths");
    }
  }
  const Value x = n.in(0);
  return isHalf(n.dtype(0)) ? cast(x, f32) : x;
}

Status convertNll(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(Value x, scores(n));
  return setLoss(n, x);
}

Status convertCrossEntropy(NodeImport& n) {
  KILN_ASSIGN_OR_RETURN(Value x, scores(n));
  const Value logProbabilities = logSoftmax(x, 1);
  KILN_RETURN_IF_ERROR(setLoss(n, logProbabilities));
  if (n.wants(1)) {
    n.set(1, cast(logProbabilities, n.dtype(0)));
  }
  return {};
}

constexpr std::array kConverters = {
    Converter{"NegativeLogLikelihoodLoss", convertNll},
    Converter{"SoftmaxCrossEntropyLoss", convertCrossEntropy},
};

}  // namespace

std::span<const Converter> lossConverters() { return kConverters; }

}  // namespace kiln::onnx
