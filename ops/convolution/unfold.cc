// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// unfold and its transpose, fold.
#include "absl/strings/str_cat.h"
#include "ops/convolution/windows.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

constexpr int kMaxSpatialAxes = 3;

// The shape of unfold's result for an operand with this one.
StatusOr<Shape> unfoldedShape(const ValueType& x, const std::vector<Window>& windows) {
  Shape result{x.shape[0]};
  for (size_t i = 0; i < windows.size(); ++i) {
    const int axis = static_cast<int>(i) + 1;
    KILN_ASSIGN_OR_RETURN(Dim count, windowCount(x.shape[axis], windows[i], /*ceilMode=*/false, axis, x));
    result.push_back(std::move(count));
  }
  for (const Window& window : windows) {
    result.push_back(Dim(window.kernel));
  }
  result.push_back(x.shape[x.shape.rank() - 1]);
  return result;
}

Status checkSpatialAxes(int count, const std::string& name, const ValueType& type, const char* wanted) {
  if (count < 1 || count > kMaxSpatialAxes) {
    return makeError<ErrorId::kO0138>(name, type.toString(), wanted);
  }
  return {};
}

// Calls body(position in the image or -1, position in the windows) for each element of the windows.
template <class F>
void forEachTap(const std::vector<int64_t>& image, const std::vector<int64_t>& windowDims,
                const std::vector<Window>& windows, F&& body) {
  const std::vector<int64_t> strides = stridesOf(image);
  const size_t spatial = windows.size();
  forEachIndex(windowDims, [&](const std::vector<int64_t>& index, int64_t position) {
    int64_t at = index.front() * strides.front() + index.back();
    bool isInside = true;
    for (size_t i = 0; i < spatial; ++i) {
      const Window& w = windows[i];
      const int64_t p = index[1 + i] * w.stride - w.low + index[1 + spatial + i] * w.dilation;
      isInside &= p >= 0 && p < image[1 + i];
      at += p * strides[1 + i];
    }
    body(isInside ? at : -1, position);
  });
}

}  // namespace

namespace unfold {

Status inferShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 1, "value"));
  KILN_RETURN_IF_ERROR(checkRank(context.operands[1], "value", 0));
  const int spatial = x.shape.rank() - 2;
  KILN_RETURN_IF_ERROR(checkSpatialAxes(spatial, "x", x, "a batch axis, 1 to 3 spatial axes, and a channel axis"));
  KILN_ASSIGN_OR_RETURN(std::vector<Window> windows, windowsOf(*context.attributes, static_cast<size_t>(spatial)));
  KILN_ASSIGN_OR_RETURN(Shape result, unfoldedShape(x, windows));
  return setResult(context, x.dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &value = *context.operands[1];
  KILN_ASSIGN_OR_RETURN(std::vector<Window> windows, windowsOf(*context.attributes, static_cast<size_t>(x.rank() - 2)));
  Tensor& result = context.results[0];
  forEachTap(x.dims(), result.dims(), windows, [&](int64_t from, int64_t to) {
    copyElement(from < 0 ? value : x, std::max<int64_t>(from, 0), result, to);
  });
  return {};
}

}  // namespace unfold

namespace fold {

Status inferShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(Shape lengths, resultShapeOperand(context, 1, "lengths"));
  const int spatial = (x.shape.rank() - 2) / 2;
  KILN_RETURN_IF_ERROR(
      checkSpatialAxes(x.shape.rank() % 2 == 0 ? spatial : 0, "x", x,
                       "a batch axis, 1 to 3 axes of windows and as many of taps, and a channel axis"));
  if (lengths.rank() != spatial) {
    return makeError<ErrorId::kO0138>("lengths", lengths.toString(),
                                      absl::StrCat("an entry for each of the ", spatial, " spatial axes"));
  }
  KILN_ASSIGN_OR_RETURN(std::vector<Window> windows, windowsOf(*context.attributes, static_cast<size_t>(spatial)));
  Shape result{x.shape[0]};
  for (const Dim& length : lengths) {
    result.push_back(length);
  }
  result.push_back(x.shape[x.shape.rank() - 1]);
  KILN_ASSIGN_OR_RETURN(Shape wanted, unfoldedShape({x.dtype, result}, windows));
  KILN_RETURN_IF_ERROR(checkSameShape(x.shape, "x", wanted, "unfold of the result"));
  return setResult(context, x.dtype, std::move(result));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  Tensor& result = context.results[0];
  KILN_ASSIGN_OR_RETURN(std::vector<Window> windows,
                        windowsOf(*context.attributes, static_cast<size_t>(result.rank() - 2)));
  return withNumeric(x.dtype(), [&]<class T>(T) {
    std::vector<Accumulator<T>> sums(static_cast<size_t>(result.numElements()));
    forEachTap(result.dims(), x.dims(), windows, [&](int64_t to, int64_t from) {
      if (to >= 0) {
        sums[static_cast<size_t>(to)] += static_cast<Accumulator<T>>(x.data<T>()[from]);
      }
    });
    for (size_t i = 0; i < sums.size(); ++i) {
      result.mutableData<T>()[i] = static_cast<T>(sums[i]);
    }
    return Status();
  });
}

}  // namespace fold
}  // namespace kiln::ops
