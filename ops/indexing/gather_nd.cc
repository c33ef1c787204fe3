// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// gather_nd and scatter_nd: for each index vector, a slice of x.
#include "ops/indexing/combine.h"

namespace kiln::ops {
namespace {

// The shape of what the index vectors pick: of the result of gather_nd, or the updates of scatter_nd.
StatusOr<Shape> pickedShape(const ShapeContext& context, int64_t batchDims) {
  const Shape &x = context.operands[0].shape, &indices = context.operands[1].shape;
  if (batchDims < 0 || batchDims >= indices.rank() || batchDims > x.rank()) {
    return makeError<ErrorId::kO0132>(batchDims, std::min<int64_t>(indices.rank() - 1, x.rank()), indices.toString());
  }
  for (int i = 0; i < batchDims; ++i) {
    if (!(x[i] == indices[i])) {
      return makeError<ErrorId::kO0117>("x", x.toString(), "indices", indices.toString(), i, x[i].toString(),
                                        indices[i].toString());
    }
  }
  const Dim& last = indices[indices.rank() - 1];
  const int64_t most = x.rank() - batchDims;
  if (!last.isStatic() || last.value() < 1 || last.value() > most) {
    return makeError<ErrorId::kO0138>(
        "indices", context.operands[1].toString(),
        "a last dimension, the number of axes to index, from 1 to " + std::to_string(most));
  }
  Shape result;
  for (int i = 0; i + 1 < indices.rank(); ++i) {
    result.push_back(indices[i]);
  }
  for (int i = static_cast<int>(batchDims + last.value()); i < x.rank(); ++i) {
    result.push_back(x[i]);
  }
  return result;
}

// Calls body(position in x, position in what is picked) for each picked element.
template <class F>
Status forEachPicked(const Tensor& x, const Tensor& indices, size_t batchDims, F&& body) {
  const std::vector<int64_t>& dims = x.dims();
  const size_t k = static_cast<size_t>(indices.dims().back());
  const int64_t batches = productOf(dims, 0, batchDims), inner = productOf(dims, batchDims + k, dims.size());
  const int64_t vectors = productOf(indices.dims(), batchDims, indices.dims().size() - 1);
  const int64_t numElements = productOf(dims, batchDims, dims.size());
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < batches * vectors; ++i) {
    int64_t row = 0;
    for (size_t j = 0; j < k; ++j) {
      const int64_t n = dims[batchDims + j],
                    index = integerAt(indices, i * static_cast<int64_t>(k) + static_cast<int64_t>(j));
      if (index < -n || index >= n) {
        return makeError<ErrorId::kR0030>(index, n);
      }
      row = row * n + (index < 0 ? index + n : index);
    }
    rows.push_back(i / vectors * numElements + row * inner);
  }
  int64_t position = 0;
  for (int64_t row : rows) {
    for (int64_t i = 0; i < inner; ++i) {
      body(row + i, position++);
    }
  }
  return {};
}

}  // namespace

namespace gather_nd {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape result, pickedShape(context, context.attribute<int64_t>("batch_dims")));
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return forEachPicked(x, *context.operands[1], static_cast<size_t>(context.attribute<int64_t>("batch_dims")),
                       [&](int64_t from, int64_t to) { copyElement(x, from, context.results[0], to); });
}

}  // namespace gather_nd

namespace scatter_nd {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 2, "updates"));
  KILN_RETURN_IF_ERROR(checkReduction(context.attribute<std::string>("reduction"), context.operands[0].dtype));
  KILN_ASSIGN_OR_RETURN(Shape wanted, pickedShape(context, 0));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[2].shape, "updates", wanted, "the result of gather_nd"));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  return combineInto(x, *context.operands[2], context.attribute<std::string>("reduction"), context.results[0],
                     [&](auto&& pair) { return forEachPicked(x, *context.operands[1], 0, pair); });
}

}  // namespace scatter_nd
}  // namespace kiln::ops
