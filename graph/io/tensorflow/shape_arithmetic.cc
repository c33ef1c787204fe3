// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <numeric>

#include "graph/io/tensorflow/importer.h"

namespace kiln::tensorflow {
namespace {

using Dims = std::vector<Dim>;

// Lists of lengths are short, and formulas of lengths too.
constexpr size_t kMostDims = 1024, kMostTerms = 64;
// Beyond these bounds it is no length; the ordinary operation wraps as TensorFlow's does.
constexpr int64_t kLarge = int64_t{1} << 31;

struct Known {
  Dims dims;
  bool isScalar = false;
};
using MaybeKnown = std::optional<Known>;

bool isLength(DType dtype) { return dtype == i32 || dtype == i64; }

// Lengths are at least 0, and a product or sum of such terms too; nothing more is known of a symbol.
bool isNeverNegative(const Dim& dim) {
  return std::ranges::all_of(dim.terms(), [](const Dim::Term& term) { return term.coefficient >= 0; });
}

bool isTooLarge(const Dim& dim) { return dim.isStatic() && (dim.value() > kLarge || dim.value() < -kLarge); }

std::optional<bool> isLess(const Dim& a, const Dim& b) {
  const Dim difference = a - b;
  if (difference.isStatic()) {
    return difference.value() < 0;
  }
  return std::nullopt;
}

std::optional<Dim> combine(std::string_view op, const Dim& a, const Dim& b) {
  if (isTooLarge(a) || isTooLarge(b) || a.terms().size() * std::max<size_t>(b.terms().size(), 1) > kMostTerms) {
    return std::nullopt;
  }
  if (op == "Add" || op == "AddV2") {
    return a + b;
  }
  if (op == "Sub") {
    return a - b;
  }
  if (op == "Mul") {
    return a * b;
  }
  if (op == "Maximum" || op == "Minimum") {
    if (auto less = isLess(a, b)) {
      return *less == (op == "Maximum") ? b : a;
    }
    return op == "Maximum" ? Dim::max(a, b) : Dim::min(a, b);
  }
  const bool isDivision = op == "FloorDiv" || op == "Div" || op == "TruncateDiv";
  if (isDivision || op == "FloorMod") {
    if (!b.isStatic() && isDivision && isNeverNegative(a)) {
      return a.dividedBy(b);
    }
    // Rounding toward zero is floor for what is never negative.
    if (!b.isStatic() || b.value() <= 0 || (op != "FloorDiv" && op != "FloorMod" && !isNeverNegative(a))) {
      return std::nullopt;
    }
    const Dim quotient = a.dividedBy(b).value_or(Dim::floorDiv(a, b));
    return isDivision ? quotient : a - quotient * b;
  }
  return std::nullopt;
}

MaybeKnown knownOf(NodeImport& n, int i) {
  if (i >= n.numInputs() || !isLength(n.dtype(i))) {
    return std::nullopt;
  }
  auto dims = n.tryDims(i);
  return dims && dims->size() <= kMostDims ? MaybeKnown(Known{*std::move(dims), n.rank(i) == 0}) : std::nullopt;
}

MaybeKnown elementwise(NodeImport& n, std::string_view op) {
  auto a = knownOf(n, 0), b = knownOf(n, 1);
  if (n.numInputs() != 2 || !a || !b) {
    return std::nullopt;
  }
  const size_t length = a->dims.size() == 1 ? b->dims.size() : a->dims.size();
  if (b->dims.size() != 1 && b->dims.size() != length) {
    return std::nullopt;
  }
  Known result{.dims = {}, .isScalar = a->isScalar && b->isScalar};
  for (size_t k = 0; k < length; ++k) {
    auto value = combine(op, a->dims[a->dims.size() == 1 ? 0 : k], b->dims[b->dims.size() == 1 ? 0 : k]);
    if (!value) {
      return std::nullopt;
    }
    result.dims.push_back(*std::move(value));
  }
  return result;
}

MaybeKnown joined(NodeImport& n, int first, int last) {
  Known result;
  for (int i = first; i < last; ++i) {
    auto part = knownOf(n, i);
    if (!part || result.dims.size() + part->dims.size() > kMostDims) {
      return std::nullopt;
    }
    result.dims.insert(result.dims.end(), part->dims.begin(), part->dims.end());
  }
  return result;
}

MaybeKnown stridedSlice(NodeImport& n) {
  auto data = knownOf(n, 0);
  const auto begin = n.tryDims(1), end = n.tryDims(2), strides = n.tryDims(3);
  auto isOne = [](const std::optional<Dims>& list) { return list && list->size() == 1 && (*list)[0].isStatic(); };
  if (!data || data->isScalar || !isOne(begin) || !isOne(end) || !isOne(strides) ||
      (n.integer("ellipsis_mask", 0) | n.integer("new_axis_mask", 0)) != 0) {
    return std::nullopt;
  }
  const auto size = static_cast<int64_t>(data->dims.size());
  const int64_t step = (*strides)[0].value();
  auto placed = [&](const Dim& at) { return at.value() < 0 ? at.value() + size : at.value(); };
  int64_t from = placed((*begin)[0]), to = placed((*end)[0]);
  if ((n.integer("shrink_axis_mask", 0) & 1) != 0) {
    return from < 0 || from >= size ? std::nullopt : MaybeKnown(Known{{data->dims[static_cast<size_t>(from)]}, true});
  }
  if (step == 0 || step < -size - 1) {
    return std::nullopt;
  }
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  from = (n.integer("begin_mask", 0) & 1) != 0 ? (step > 0 ? 0 : size - 1) : std::clamp(from, low, high);
  to = (n.integer("end_mask", 0) & 1) != 0 ? (step > 0 ? size : -1) : std::clamp(to, low, high);
  Known result;
  for (int64_t i = from; step > 0 ? i < to : i > to; i += std::min(step, size + 1)) {
    result.dims.push_back(data->dims[static_cast<size_t>(i)]);
  }
  return result;
}

MaybeKnown gathered(NodeImport& n) {
  auto data = knownOf(n, 0), indices = knownOf(n, 1);
  if (!data || !indices || data->isScalar) {
    return std::nullopt;
  }
  Known result{.dims = {}, .isScalar = indices->isScalar};
  for (const Dim& index : indices->dims) {
    if (!index.isStatic() || index.value() < 0 || index.value() >= static_cast<int64_t>(data->dims.size())) {
      return std::nullopt;
    }
    result.dims.push_back(data->dims[static_cast<size_t>(index.value())]);
  }
  return result;
}

MaybeKnown sliced(NodeImport& n) {
  auto data = knownOf(n, 0), begin = knownOf(n, 1), count = knownOf(n, 2);
  if (!data || data->isScalar || !begin || !count || begin->dims.size() != 1 || count->dims.size() != 1 ||
      !begin->dims[0].isStatic() || !count->dims[0].isStatic()) {
    return std::nullopt;
  }
  const auto size = static_cast<int64_t>(data->dims.size());
  const int64_t from = begin->dims[0].value();
  const int64_t taken = count->dims[0].value() == -1 ? size - from : count->dims[0].value();
  if (from < 0 || taken < 0 || from > size || taken > size - from) {
    return std::nullopt;
  }
  return Known{Dims(data->dims.begin() + from, data->dims.begin() + from + taken), false};
}

// Results of comparisons are constants where all lengths agree.
bool compare(NodeImport& n, std::string_view op) {
  auto a = knownOf(n, 0), b = knownOf(n, 1);
  if (!a || !b || a->dims.size() != b->dims.size()) {
    return false;
  }
  Tensor truths(boolean, a->isScalar && b->isScalar ? std::vector<int64_t>{}
                                                    : std::vector<int64_t>{static_cast<int64_t>(a->dims.size())});
  for (size_t k = 0; k < a->dims.size(); ++k) {
    const Dim &x = a->dims[k], &y = b->dims[k];
    const Dim difference = x - y;
    const bool cannotBeEqual =
        (x.isStatic() && x.value() < 0 && isNeverNegative(y)) || (y.isStatic() && y.value() < 0 && isNeverNegative(x));
    if (!difference.isStatic() && !(cannotBeEqual && (op == "Equal" || op == "NotEqual"))) {
      return false;
    }
    const int64_t sign = difference.isStatic() ? difference.value() : 1;
    truths.mutableData<bool>()[k] = op == "Equal"       ? sign == 0
                                    : op == "NotEqual"  ? sign != 0
                                    : op == "Less"      ? sign < 0
                                    : op == "LessEqual" ? sign <= 0
                                    : op == "Greater"   ? sign > 0
                                                        : sign >= 0;
  }
  n.set(0, std::move(truths));
  return true;
}

MaybeKnown chosen(NodeImport& n) {
  const TensorPtr condition = n.numInputs() == 3 ? n.tryConstant(0) : nullptr;
  auto x = knownOf(n, 1), y = knownOf(n, 2);
  if (condition == nullptr || condition->dtype() != boolean || condition->rank() > 1 || !x || !y ||
      x->dims.size() != y->dims.size() ||
      (condition->rank() == 1 && condition->numElements() != static_cast<int64_t>(x->dims.size()))) {
    return std::nullopt;
  }
  Known result{.dims = {}, .isScalar = x->isScalar && y->isScalar && condition->rank() == 0};
  for (size_t k = 0; k < x->dims.size(); ++k) {
    const bool truth = condition->data<bool>()[condition->rank() == 0 ? 0 : k];
    result.dims.push_back(truth ? x->dims[k] : y->dims[k]);
  }
  return result;
}

MaybeKnown reduced(NodeImport& n, std::string_view op) {
  auto all = knownOf(n, 0);
  auto axes = knownOf(n, 1);
  if (!all || all->isScalar || !axes || axes->dims.size() != 1 || all->dims.empty()) {
    return std::nullopt;
  }
  Dim total = op == "Prod" ? 1 : op == "Sum" ? 0 : all->dims[0];
  for (const Dim& dim : all->dims) {
    auto next = combine(op == "Prod" ? "Mul" : op == "Sum" ? "Add" : op == "Max" ? "Maximum" : "Minimum", total, dim);
    if (!next) {
      return std::nullopt;
    }
    total = *std::move(next);
  }
  return Known{{total}, !n.boolean("keep_dims", false)};
}

}  // namespace

bool foldShapeArithmetic(NodeImport& n) {
  // Only where lengths of axes take part: constants have a path of their own, which knows all types.
  bool hasDims = false;
  for (int i = 0; i < n.numInputs(); ++i) {
    hasDims |= n.imported(i).dims.has_value();
  }
  if (!hasDims) {
    return false;
  }
  const std::string& op = n.proto.op();
  DType dtype = n.dtype(0);
  MaybeKnown result;
  if (op == "Equal" || op == "NotEqual" || op == "Less" || op == "LessEqual" || op == "Greater" ||
      op == "GreaterEqual") {
    return compare(n, op);
  }
  if (op == "Cast") {
    dtype = n.type("DstT", f32);
    result = isLength(dtype) ? knownOf(n, 0) : std::nullopt;
  } else if (op == "Pack") {
    for (int i = 0; i < n.numInputs(); ++i) {
      if (n.rank(i) != 0) {
        return false;
      }
    }
    result = joined(n, 0, n.numInputs());
  } else if (op == "ConcatV2") {
    result = joined(n, 0, n.numInputs() - 1);
  } else if (op == "Concat") {
    result = joined(n, 1, n.numInputs());
    dtype = n.dtype(1);
  } else if (op == "Unpack") {
    auto parts = knownOf(n, 0);
    if (parts && !parts->isScalar) {
      for (size_t k = 0; k < parts->dims.size(); ++k) {
        n.setDims(static_cast<int>(k), {parts->dims[k]}, dtype, true);
      }
      return !parts->dims.empty();
    }
  } else if (op == "StridedSlice") {
    result = stridedSlice(n);
  } else if (op == "Slice") {
    result = sliced(n);
  } else if (op == "GatherV2" || op == "Gather") {
    result = gathered(n);
  } else if (op == "Select" || op == "SelectV2") {
    result = chosen(n);
    dtype = n.dtype(1);
  } else if (op == "Squeeze") {
    result = knownOf(n, 0);
    if (!result || result->dims.size() != 1) {
      return false;
    }
    result->isScalar = true;
  } else if (op == "ExpandDims") {
    result = knownOf(n, 0);
    if (!result || !result->isScalar) {
      return false;
    }
    result->isScalar = false;
  } else if (op == "Reshape") {
    auto shape = knownOf(n, 1);
    if (shape && !shape->isScalar && shape->dims.size() <= 1) {
      result = knownOf(n, 0);
      if (result) {
        result->isScalar = shape->dims.empty();
      }
    }
  } else if (op == "Prod" || op == "Sum" || op == "Max" || op == "Min") {
    result = reduced(n, op);
  } else if (n.numInputs() == 2) {
    result = elementwise(n, op);
  }
  if (!result) {
    return false;
  }
  n.setDims(0, std::move(result->dims), dtype, result->isScalar);
  return true;
}

}  // namespace kiln::tensorflow
