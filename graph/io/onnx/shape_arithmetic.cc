// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <numeric>

#include "graph/io/onnx/importer.h"

namespace kiln::onnx {
namespace {

using Dims = std::vector<Dim>;
using MaybeDims = std::optional<Dims>;

// Lists of lengths are short.
constexpr size_t kMostDims = 1024;

bool isScalar(NodeImport& n, int i) { return n.rank(i) == 0; }

// Lengths are at least 0, and a product or sum of such terms too; nothing more is known of a symbol.
bool isNeverNegative(const Dim& dim) {
  return std::ranges::all_of(dim.terms(), [](const Dim::Term& term) { return term.coefficient >= 0; });
}

// Whether a == b, when that is known for all lengths.
std::optional<bool> areEqual(const Dim& a, const Dim& b) {
  if (a == b) {
    return true;
  }
  if (a.isStatic() && b.isStatic()) {
    return false;
  }
  const Dim difference = a - b;
  if (difference.isStatic()) {
    return difference.value() == 0;
  }
  const bool aIsNegative = a.isStatic() && a.value() < 0, bIsNegative = b.isStatic() && b.value() < 0;
  if ((aIsNegative && isNeverNegative(b)) || (bIsNegative && isNeverNegative(a))) {
    return false;
  }
  return std::nullopt;
}

// Operands of an elementwise operation: equally long, or scalars and lists of one that repeat.
std::optional<size_t> commonLength(std::initializer_list<const Dims*> operands) {
  size_t length = 1;
  for (const Dims* operand : operands) {
    if (operand->size() != 1) {
      if (length != 1 && operand->size() != length) {
        return std::nullopt;
      }
      length = operand->size();
    }
  }
  return length;
}

const Dim& at(const Dims& dims, size_t i) { return dims[dims.size() == 1 ? 0 : i]; }

std::optional<Dim> combine(std::string_view op, const Dim& a, const Dim& b) {
  if (a.isStatic() && b.isStatic()) {
    // Beyond these bounds it is no length; the ordinary operation wraps as the operator does.
    constexpr int64_t kLarge = int64_t{1} << 31;
    const int64_t x = a.value(), y = b.value();
    if (x > kLarge || x < -kLarge || y > kLarge || y < -kLarge) {
      return std::nullopt;
    }
    if (op == "Div") {
      return y == 0 ? std::nullopt : std::optional<Dim>(x / y);
    }
    if (op == "Mod") {
      return y == 0 ? std::nullopt : std::optional<Dim>(((x % y) + y) % y);
    }
  }
  if (op == "Add") {
    return a + b;
  }
  if (op == "Sub") {
    return a - b;
  }
  if (op == "Mul") {
    return a * b;
  }
  if (op == "Max") {
    return Dim::max(a, b);
  }
  if (op == "Min") {
    return Dim::min(a, b);
  }
  if (op == "Div") {
    if (auto exact = a.dividedBy(b)) {
      return exact;
    }
    // Division truncates; for what is never negative that is floor.
    const bool isPositive = b.isStatic() ? b.value() > 0 : false;
    return isPositive && isNeverNegative(a) ? std::optional<Dim>(Dim::floorDiv(a, b)) : std::nullopt;
  }
  if (op == "Mod" && b.isStatic() && b.value() > 0 && isNeverNegative(a)) {
    return a - Dim::floorDiv(a, b) * b;
  }
  return std::nullopt;
}

MaybeDims elementwise(NodeImport& n, std::string_view op, bool& scalar) {
  MaybeDims result = n.tryDims(0);
  scalar = isScalar(n, 0);
  for (int i = 1; result && i < n.numInputs(); ++i) {
    const MaybeDims next = n.tryDims(i);
    const auto length = next ? commonLength({&*result, &*next}) : std::nullopt;
    if (!length) {
      return std::nullopt;
    }
    scalar = scalar && isScalar(n, i);
    Dims combined;
    for (size_t k = 0; k < *length; ++k) {
      auto value = combine(op, at(*result, k), at(*next, k));
      if (!value || !isShort(*value)) {
        return std::nullopt;
      }
      combined.push_back(*std::move(value));
    }
    result = std::move(combined);
  }
  return result;
}

MaybeDims sliced(NodeImport& n) {
  auto data = n.tryDims(0);
  auto starts = n.tryDims(1), ends = n.tryDims(2);
  auto steps = n.has(4) ? n.tryDims(4) : MaybeDims(Dims{1});
  if (!data || !starts || !ends || !steps || n.rank(0) != 1 || starts->size() != 1 || ends->size() != 1 ||
      steps->size() != 1 || !(*starts)[0].isStatic() || !(*ends)[0].isStatic() || !(*steps)[0].isStatic()) {
    return std::nullopt;
  }
  const auto size = static_cast<int64_t>(data->size());
  const int64_t step = (*steps)[0].value();
  int64_t start = (*starts)[0].value(), end = (*ends)[0].value();
  if (step == 0) {
    return std::nullopt;
  }
  start = start < 0 ? start + size : start;
  end = end < 0 && end >= -size ? end + size : end;
  start = std::clamp<int64_t>(start, 0, step > 0 ? size : size - 1);
  end = std::clamp<int64_t>(end, -1, size);
  if (step > 0) {
    end = std::max<int64_t>(end, 0);
  }
  Dims result;
  for (int64_t i = start; step > 0 ? i < end : i > end; i += step) {
    result.push_back((*data)[static_cast<size_t>(i)]);
  }
  return result;
}

MaybeDims gathered(NodeImport& n, bool& scalar) {
  auto data = n.tryDims(0), indices = n.tryDims(1);
  if (!data || !indices || n.rank(0) != 1) {
    return std::nullopt;
  }
  scalar = isScalar(n, 1);
  Dims result;
  for (const Dim& index : *indices) {
    const auto size = static_cast<int64_t>(data->size());
    if (!index.isStatic() || index.value() < -size || index.value() >= size) {
      return std::nullopt;
    }
    result.push_back((*data)[static_cast<size_t>(index.value() < 0 ? index.value() + size : index.value())]);
  }
  return result;
}

MaybeDims concatenated(NodeImport& n) {
  Dims result;
  for (int i = 0; i < n.numInputs(); ++i) {
    auto part = n.tryDims(i);
    if (!part || n.rank(i) != 1) {
      return std::nullopt;
    }
    result.insert(result.end(), part->begin(), part->end());
  }
  return result;
}

// `Where(Equal(shape, -1), x, shape)`: the condition is decided here, since truth values are no dims.
bool foldEqual(NodeImport& n) {
  auto a = n.tryDims(0), b = n.tryDims(1);
  auto length = a && b ? commonLength({&*a, &*b}) : std::nullopt;
  if (!length) {
    return false;
  }
  std::vector<bool> truths;
  for (size_t k = 0; k < *length; ++k) {
    auto truth = areEqual(at(*a, k), at(*b, k));
    if (!truth) {
      return false;
    }
    truths.push_back(*truth);
  }
  const bool scalar = isScalar(n, 0) && isScalar(n, 1);
  Tensor tensor(boolean, scalar ? std::vector<int64_t>{} : std::vector<int64_t>{static_cast<int64_t>(*length)});
  for (size_t k = 0; k < truths.size(); ++k) {
    tensor.mutableData<bool>()[k] = truths[k];
  }
  n.set(0, std::move(tensor));
  return true;
}

MaybeDims chosen(NodeImport& n, bool& scalar) {
  TensorPtr condition = n.tryConstant(0);
  auto x = n.tryDims(1), y = n.tryDims(2);
  if (condition == nullptr || condition->dtype() != boolean || condition->rank() > 1 || !x || !y) {
    return std::nullopt;
  }
  const Dims truths(static_cast<size_t>(condition->numElements()), Dim(0));
  auto length = commonLength({&truths, &*x, &*y});
  if (!length) {
    return std::nullopt;
  }
  scalar = condition->rank() == 0 && isScalar(n, 1) && isScalar(n, 2);
  Dims result;
  for (size_t k = 0; k < *length; ++k) {
    const bool truth = condition->data<bool>()[truths.size() == 1 ? 0 : k];
    result.push_back(at(truth ? *x : *y, k));
  }
  return result;
}

}  // namespace

bool isShort(const Dim& dim) {
  if (dim.isStatic()) {
    return true;
  }
  constexpr size_t kMostCharacters = 1024;
  size_t characters = 0;
  const std::vector<Dim::Term> terms = dim.terms();
  for (const Dim::Term& term : terms) {
    for (const std::string& symbol : term.symbols) {
      characters += symbol.size();
    }
  }
  return terms.size() <= kMostTermsOfLength && characters <= kMostCharacters;
}

bool foldShapeArithmetic(NodeImport& n) {
  if (!(n.proto.domain().empty() || n.proto.domain() == "ai.onnx") || n.numOutputs() != 1) {
    return false;
  }
  const std::string& op = n.proto.op_type();
  // Only where lengths of axes take part: constants have a path of their own, which knows all types.
  bool hasDims = false;
  for (int i = 0; i < n.numInputs(); ++i) {
    hasDims |= n.has(i) && n.imported(i).dims.has_value();
    if (n.has(i) && n.imported(i).dims && n.imported(i).dims->size() > kMostDims) {
      return false;
    }
  }
  if (!hasDims || !n.has(0)) {
    return false;
  }
  bool scalar = false;
  MaybeDims result;
  if (op == "Equal") {
    return n.dtype(0) == i64 && foldEqual(n);
  }
  if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div" || op == "Max" || op == "Min" ||
      (op == "Mod" && n.integer("fmod", 0) == 0)) {
    result = elementwise(n, op, scalar);
  } else if (op == "Slice") {
    result = sliced(n);
  } else if (op == "Gather" && n.integer("axis", 0) % std::max(n.rank(0), 1) == 0) {
    result = gathered(n, scalar);
  } else if (op == "Concat") {
    result = concatenated(n);
  } else if (op == "Where") {
    result = chosen(n, scalar);
  } else if (op == "Identity" || (op == "Cast" && n.integer("to", 0) == TensorProto::INT64)) {
    result = n.tryDims(0);
    scalar = isScalar(n, 0);
  } else if (op == "Unsqueeze" && isScalar(n, 0)) {
    result = n.tryDims(0);
  } else if (op == "Squeeze" && n.rank(0) == 1) {
    result = n.tryDims(0);
    scalar = true;
    if (!result || result->size() != 1) {
      return false;
    }
  } else if (op == "Reshape" || op == "Flatten") {
    auto shape = op == "Reshape" ? n.tryDims(1) : std::nullopt;
    if (shape && (shape->empty() || (shape->size() == 1))) {
      result = n.tryDims(0);
      scalar = shape->empty();
    }
  } else if (op == "ReduceProd" || op == "ReduceSum") {
    auto all = n.tryDims(0);
    if (all && n.rank(0) == 1 && !(n.has(1) && n.tryDims(1) && n.tryDims(1)->empty())) {
      Dim total = op == "ReduceProd" ? 1 : 0;
      for (const Dim& dim : *all) {
        total = op == "ReduceProd" ? total * dim : total + dim;
        if (!isShort(total)) {
          return false;
        }
      }
      result = Dims{total};
      scalar = n.integer("keepdims", 1) == 0;
    }
  }
  if (!result) {
    return false;
  }
  n.setDims(0, *std::move(result), scalar);
  return true;
}

}  // namespace kiln::onnx
