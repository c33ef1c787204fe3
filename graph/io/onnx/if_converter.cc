// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "graph/io/onnx/axis_values.h"
#include "graph/io/onnx/body_import.h"
#include "graph/io/onnx/importer.h"

namespace kiln::onnx {
namespace {

// The axis along which two shapes of one rank differ: -1 for none, nothing for several.
std::optional<int> oneOtherAxis(const Shape& a, const Shape& b) {
  std::optional<int> found = -1;
  for (int axis = 0; found && axis < a.rank(); ++axis) {
    if (!(a[axis] == b[axis])) {
      found = *found < 0 ? std::optional(axis) : std::nullopt;
    }
  }
  return a.rank() == b.rank() ? found : std::nullopt;
}

// Branches whose results differ in length, as exporters write for "nothing was found": both are computed, and the run
// finds which length the result has. Nothing when that is not possible.
StatusOr<bool> computeBoth(NodeImport& n, const GraphProto& then, const GraphProto& otherwise, Value condition) {
  KILN_ASSIGN_OR_RETURN(std::vector<Imported> first, n.importBody(then, {}));
  KILN_ASSIGN_OR_RETURN(std::vector<Imported> second, n.importBody(otherwise, {}));
  for (size_t i = 0; i < first.size(); ++i) {
    const auto axis = oneOtherAxis(first[i].shape, second[i].shape);
    if (!axis || first[i].dtype != second[i].dtype) {
      return false;
    }
    const Value a = n.valueOf(first[i]), b = n.valueOf(second[i]);
    if (*axis < 0) {
      n.set(static_cast<int>(i), select(condition, a, b), first[i].elementType);
      continue;
    }
    const Value lengthOfA = scalarOf(n.g, a.shape()[*axis]), lengthOfB = scalarOf(n.g, b.shape()[*axis]);
    const Dim length = bindDim(n.g, select(condition, lengthOfA, lengthOfB), "chosen");
    const Value start = select(condition, n.g.scalar(0, i64), lengthOfA);
    n.set(static_cast<int>(i), partAlong(concat({a, b}, *axis), *axis, start, length, n.g.scalar(1, i64)),
          first[i].elementType);
  }
  return true;
}

}  // namespace

Status convertIf(NodeImport& n) {
  const GraphProto *then = n.graph("then_branch"), *otherwise = n.graph("else_branch");
  if (then == nullptr || otherwise == nullptr || n.dtype(0) != boolean) {
    return n.invalid("it takes a truth and two branches");
  }
  if (then->output_size() != n.numOutputs() || otherwise->output_size() != n.numOutputs()) {
    return n.invalid("its branches have " + std::to_string(then->output_size()) + " and " +
                     std::to_string(otherwise->output_size()) + " outputs, and it has " +
                     std::to_string(n.numOutputs()));
  }
  if (const auto truth = knownTruth(n.tryConstant(0))) {
    KILN_ASSIGN_OR_RETURN(std::vector<Imported> results, n.importBody(*truth ? *then : *otherwise, {}));
    for (int i = 0; i < n.numOutputs(); ++i) {
      n.setImported(i, std::move(results[static_cast<size_t>(i)]));
    }
    return {};
  }
  BodyImport thenImport(n, *then), elseImport(n, *otherwise);
  BodyResults first;
  std::string mismatch;
  const Value condition = oneTruth(n.in(0));
  KILN_RETURN_IF_ERROR(n.status());
  const Values results = ifElse(
      n.g, condition, [&] { return (first = thenImport.run({})).values; },
      [&] {
        Values second = elseImport.run({}).values;
        for (size_t i = 0; i < std::min(first.values.size(), second.size()); ++i) {
          const Value &a = first.values[i], &b = second[i];
          if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
            mismatch = "output " + std::to_string(i) + " is " + typeText(a.dtype(), a.shape()) + " or " +
                       typeText(b.dtype(), b.shape());
          }
        }
        if (!mismatch.empty() || first.values.size() != second.size()) {
          // Stands for what is refused below.
          second.clear();
          for (const Value& value : first.values) {
            second.push_back(cast(full(n.g, value.shape(), 0, u8), value.dtype()));
          }
        }
        return second;
      });
  KILN_RETURN_IF_ERROR(thenImport.status());
  KILN_RETURN_IF_ERROR(elseImport.status());
  if (!mismatch.empty()) {
    if (n.importer().isKnowable(n.imported(0))) {
      return n.constant(0).status();
    }
    KILN_ASSIGN_OR_RETURN(const bool isDone, computeBoth(n, *then, *otherwise, condition));
    return isDone ? Status() : n.unsupported(mismatch + ", by a condition that only the run knows");
  }
  for (int i = 0; i < n.numOutputs(); ++i) {
    const auto k = static_cast<size_t>(i);
    n.set(i, resultOf(n, results, k), k < first.elementTypes.size() ? first.elementTypes[k] : 0);
  }
  return {};
}

}  // namespace kiln::onnx
