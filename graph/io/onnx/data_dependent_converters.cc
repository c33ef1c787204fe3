// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Results whose length only the run knows: nn/selection.h.
#include "graph/io/onnx/axis_values.h"
#include "graph/io/onnx/node_import.h"
#include "graph/nn/selection.h"

namespace kiln::onnx {
namespace {

Status convertNonZero(NodeImport& n) {
  if (isStored(n.elementType(0)) && !isNarrowInteger(n.elementType(0))) {
    return n.unsupported("elements of type " + elementTypeName(n.elementType(0)));
  }
  n.set(0, nn::nonZero(n.g, n.in(0)));
  return {};
}

std::optional<int64_t> axisIfGiven(NodeImport& n) {
  return n.hasAttribute("axis") ? std::optional(n.axisOf(n.integer("axis", 0), n.rank(0))) : std::nullopt;
}

Status convertCompress(NodeImport& n) {
  const std::optional<int64_t> axis = axisIfGiven(n);
  KILN_RETURN_IF_ERROR(n.status());
  if (n.dtype(1) != boolean || n.rank(1) != 1) {
    return n.invalid("the condition is " + std::string(toString(n.dtype(1))) + n.shape(1).toString() +
                     ", wanted a vector of truths");
  }
  Value condition = n.in(1);
  // One that is longer than the axis says nothing there.
  const Dim length = axis ? n.shape(0)[static_cast<int>(*axis)] : n.shape(0).numElements(), &given = n.shape(1)[0];
  if (length.isStatic() && given.isStatic() && given.value() > length.value()) {
    condition = slice(condition, {0}, {length});
  }
  n.set(0, nn::compress(n.g, n.in(0), condition, axis), n.elementType(0));
  return {};
}

Status convertUnique(NodeImport& n) {
  const std::optional<int64_t> axis = axisIfGiven(n);
  KILN_RETURN_IF_ERROR(n.status());
  if (isStored(n.elementType(0)) && !isNarrowInteger(n.elementType(0))) {
    return n.unsupported("elements of type " + elementTypeName(n.elementType(0)));
  }
  const nn::UniqueResult unique = nn::unique(n.g, n.in(0), axis, n.integer("sorted", 1) != 0);
  n.set(0, unique.values, n.elementType(0));
  n.set(1, unique.indices);
  n.set(2, unique.inverse);
  n.set(3, unique.counts);
  return {};
}

Status convertNonMaxSuppression(NodeImport& n) {
  nn::NonMaxSuppressionOptions options{.isCenterForm = n.integer("center_point_box", 0) != 0, .scoreThreshold = {}};
  const auto scalar = [&](int i) { return reshape(n.in(i), Shape{}); };
  for (int i = 2; i <= 4; ++i) {
    if (n.has(i) && n.shape(i).numElements() != Dim(1)) {
      return n.invalid("input " + std::to_string(i) + " is " + n.shape(i).toString() + ", wanted one element");
    }
  }
  if (n.rank(0) != 3 || n.rank(1) != 3) {
    return n.invalid("boxes are " + n.shape(0).toString() + " and scores " + n.shape(1).toString());
  }
  if (n.shape(0)[0] != n.shape(1)[0] || n.shape(0)[1] != n.shape(1)[2]) {
    const std::string what =
        "boxes " + n.shape(0).toString() + " and scores " + n.shape(1).toString() + " do not match";
    return n.shape(0).isStatic() && n.shape(1).isStatic() ? n.invalid(what)
                                                          : n.unsupported(what + " over symbolic lengths");
  }
  if (n.has(4)) {
    options.scoreThreshold = scalar(4);
  }
  const Operand most = n.has(2) ? Operand(integerScalar(n, 2)) : Operand(0);
  const Operand threshold = n.has(3) ? Operand(scalar(3)) : Operand(0);
  KILN_RETURN_IF_ERROR(n.status());
  n.set(0, nn::nonMaxSuppression(n.g, n.in(0), n.in(1), most, threshold, options));
  return {};
}

}  // namespace

std::span<const Converter> dataDependentConverters() {
  static constexpr Converter kConverters[] = {
      {"Compress", convertCompress},
      {"NonMaxSuppression", convertNonMaxSuppression},
      {"NonZero", convertNonZero},
      {"Unique", convertUnique},
  };
  return kConverters;
}

}  // namespace kiln::onnx
