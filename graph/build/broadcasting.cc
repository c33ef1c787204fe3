// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "graph/build/broadcasting.h"

#include <algorithm>

#include "graph/build/builder_state.h"
#include "graph/build/operations.h"

namespace kiln {
namespace {

const OperandSpec& specOf(const OpSchema& op, size_t index) {
  return op.operands[std::min(index, op.operands.size() - 1)];
}

// A number takes the dtype of the first tensor that may stand in its place by the op's schema: select's condition gives
// none to its branches.
std::optional<DType> dtypeForNumber(const OpSchema& op, size_t index, const std::vector<Operand>& operands) {
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool isAlike = std::ranges::equal(specOf(op, i).dtypes, specOf(op, index).dtypes);
    if (!operands[i].number && isAlike && !operands[i].value.isPoisoned()) {
      return operands[i].value.dtype();
    }
  }
  return std::nullopt;
}

// Broadcasts `shape` into `common`; the axis from the back at which they do not fit, or nothing.
std::optional<int> mergeShapes(Shape& common, const Shape& shape) {
  const int rank = std::max(common.rank(), shape.rank());
  std::vector<Dim> dims(rank);
  for (int back = 1; back <= rank; ++back) {
    const Dim a = back <= common.rank() ? common[common.rank() - back] : Dim(1);
    const Dim b = back <= shape.rank() ? shape[shape.rank() - back] : Dim(1);
    if (a == Dim(1) || a == b) {
      dims[rank - back] = b;
    } else if (b == Dim(1)) {
      dims[rank - back] = a;
    } else {
      return back;
    }
  }
  common = Shape(std::move(dims));
  return std::nullopt;
}

Status mismatch(std::string_view nameA, const Shape& a, std::string_view nameB, const Shape& b, int back) {
  auto lengthOf = [back](const Shape& shape) {
    return back <= shape.rank() ? shape[shape.rank() - back].toString() : std::string("1");
  };
  return makeError<ErrorId::kG0204>(nameA, a.toString(), nameB, b.toString(), -back, lengthOf(a), lengthOf(b));
}

std::string subjectOf(GraphBuilder& g, const OpSchema& op) {
  return "kiln." + std::string(op.name) + " '" + g.state().freshName(g.state().scopedName(op.name)) + "'";
}

bool isReady(const std::vector<Value>& values, const GraphBuilder& g) {
  return std::all_of(values.begin(), values.end(),
                     [&](const Value& v) { return v.builder() == &g && !v.isPoisoned(); });
}

}  // namespace

std::optional<std::vector<Value>> operandValues(GraphBuilder& g, std::string_view name,
                                                const std::vector<Operand>& operands) {
  const OpSchema* op = findOp(name);
  KILN_CHECK(op != nullptr && !op->operands.empty());
  std::vector<Value> values;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].number) {
      values.push_back(operands[i].value);
      continue;
    }
    const std::optional<DType> dtype = dtypeForNumber(*op, i, operands);
    if (!dtype) {
      const bool isPoisoned = std::any_of(operands.begin(), operands.end(), [](const Operand& o) {
        return !o.number && o.value.builder() != nullptr && o.value.isPoisoned();
      });
      if (!isPoisoned) {
        std::string text = std::to_string(*operands[i].number);
        text.erase(text.find_last_not_of('0') + 1);
        g.state().fail(makeError<ErrorId::kG0206>(text.ends_with('.') ? text + "0" : text),
                       g.state().locate(operands[i].where), subjectOf(g, *op));
      }
      return std::nullopt;
    }
    values.push_back(g.scalar(*operands[i].number, *dtype, operands[i].where));
  }
  if (!op->isElementwise || values.size() < 2 || !isReady(values, g)) {
    return values;
  }
  Shape common = values[0].shape();
  for (size_t i = 1; i < values.size(); ++i) {
    const Shape before = common;
    if (std::optional<int> back = mergeShapes(common, values[i].shape())) {
      const std::string first = i == 1 ? std::string(specOf(*op, 0).name) : "the shape so far";
      g.state().fail(mismatch(first, before, specOf(*op, i).name, values[i].shape(), *back),
                     g.state().locate(operands[0].where), subjectOf(g, *op), values);
      return std::nullopt;
    }
  }
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = broadcastTo(Operand(values[i], operands[0].where), common);
  }
  return values;
}

bool broadcastBatches(Operand& a, Operand& b) {
  auto batchOf = [](const Value& v) { return Shape(std::vector<Dim>(v.shape().begin(), v.shape().end() - 2)); };
  const Shape batchA = batchOf(a.value), batchB = batchOf(b.value);
  Shape common = batchA;
  if (std::optional<int> back = mergeShapes(common, batchB)) {
    GraphBuilder& g = *a.value.builder();
    g.state().fail(mismatch("a", a.value.shape(), "b", b.value.shape(), *back + 2), g.state().locate(a.where),
                   subjectOf(g, *findOp("matmul")), {a.value, b.value});
    return false;
  }
  for (Operand* operand : {&a, &b}) {
    Shape wanted = common;
    wanted.push_back(operand->value.shape()[operand->value.rank() - 2]);
    wanted.push_back(operand->value.shape()[operand->value.rank() - 1]);
    operand->value = broadcastTo(Operand(operand->value, operand->where), wanted);
  }
  return true;
}

}  // namespace kiln
