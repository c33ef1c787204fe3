// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// gather, its transpose scatter_add, and scatter_slices: one walk over the same places.
#include "ops/indexing/combine.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

StatusOr<Shape> gatheredShape(const ShapeContext& context) {
  const Shape &x = context.operands[0].shape, &indices = context.operands[1].shape;
  const int64_t axis = context.attribute<int64_t>("axis"), batchDims = context.attribute<int64_t>("batch_dims");
  if (axis < 0 || axis >= x.rank()) {
    return makeError<ErrorId::kO0111>(axis, 0, x.rank(), "x", x.toString());
  }
  if (batchDims < 0 || batchDims > axis || batchDims > indices.rank()) {
    return makeError<ErrorId::kO0132>(batchDims, axis, indices.toString());
  }
  Shape result;
  for (int i = 0; i < axis; ++i) {
    if (i < batchDims && !(x[i] == indices[i])) {
      return makeError<ErrorId::kO0117>("x", x.toString(), "indices", indices.toString(), i, x[i].toString(),
                                        indices[i].toString());
    }
    result.push_back(x[i]);
  }
  for (int i = static_cast<int>(batchDims); i < indices.rank(); ++i) {
    result.push_back(indices[i]);
  }
  for (int i = static_cast<int>(axis) + 1; i < x.rank(); ++i) {
    result.push_back(x[i]);
  }
  return result;
}

// Calls body(position in x, position in the gathered tensor) for each gathered element.
template <class F>
Status forEachGathered(const Tensor& x, const Tensor& indices, const Attributes& attributes, F&& body) {
  const size_t axis = static_cast<size_t>(attributes.get<int64_t>("axis"));
  const size_t batchDims = static_cast<size_t>(attributes.get<int64_t>("batch_dims"));
  const int64_t batches = productOf(x.dims(), 0, batchDims), outer = productOf(x.dims(), batchDims, axis);
  const int64_t n = x.dims()[axis], inner = productOf(x.dims(), axis + 1, x.dims().size());
  const int64_t picks = productOf(indices.dims(), batchDims, indices.dims().size());
  const int64_t lowest = attributes.get<bool>("allow_negative") ? -n : 0;
  for (int64_t i = 0; i < indices.numElements(); ++i) {
    const int64_t index = integerAt(indices, i);
    if (index < lowest || index >= n) {
      return makeError<ErrorId::kR0030>(index, n);
    }
  }
  int64_t position = 0;
  for (int64_t batch = 0; batch < batches; ++batch) {
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t pick = 0; pick < picks; ++pick) {
        const int64_t index = integerAt(indices, batch * picks + pick);
        const int64_t row = ((batch * outer + o) * n + (index < 0 ? index + n : index)) * inner;
        for (int64_t i = 0; i < inner; ++i) {
          body(row + i, position++);
        }
      }
    }
  }
  return {};
}

}  // namespace

namespace gather {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape result, gatheredShape(context));
  return setResult(context, context.operands[0].dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &indices = *context.operands[1];
  return forEachGathered(x, indices, *context.attributes,
                         [&](int64_t from, int64_t to) { copyElement(x, from, context.results[0], to); });
}

}  // namespace gather

namespace scatter_add {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 2, "updates"));
  KILN_ASSIGN_OR_RETURN(Shape wanted, gatheredShape(context));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[2].shape, "updates", wanted, "the result of gather"));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &indices = *context.operands[1], &updates = *context.operands[2];
  return withNumeric(x.dtype(), [&]<class T>(T) -> Status {
    std::vector<Accumulator<T>> sums(x.data<T>(), x.data<T>() + x.numElements());
    KILN_RETURN_IF_ERROR(forEachGathered(x, indices, *context.attributes, [&](int64_t to, int64_t from) {
      sums[to] += static_cast<Accumulator<T>>(updates.data<T>()[from]);
    }));
    for (int64_t i = 0; i < x.numElements(); ++i) {
      context.results[0].mutableData<T>()[i] = static_cast<T>(sums[i]);
    }
    return {};
  });
}

}  // namespace scatter_add

namespace scatter_slices {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 2, "updates"));
  KILN_RETURN_IF_ERROR(
      checkReduction(context.attribute<std::string>("reduction"), context.operands[0].dtype, /*hasAdd=*/false));
  KILN_ASSIGN_OR_RETURN(Shape wanted, gatheredShape(context));
  KILN_RETURN_IF_ERROR(checkSameShape(context.operands[2].shape, "updates", wanted, "the result of gather"));
  return setResult(context, context.operands[0].dtype, context.operands[0].shape);
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &indices = *context.operands[1], &updates = *context.operands[2];
  return combineInto(x, updates, context.attribute<std::string>("reduction"), context.results[0],
                     [&](auto&& pair) { return forEachGathered(x, indices, *context.attributes, pair); });
}

}  // namespace scatter_slices
}  // namespace kiln::ops
