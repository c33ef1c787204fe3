// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// conv and conv_transpose.
#include "absl/strings/str_cat.h"
#include "ops/convolution/windows.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

struct Parts {
  Layout layout;
  FilterLayout filter;
  std::vector<Window> windows;
  int64_t groups = 1;
};

// What both ops have in common; `isTransposed` when the channels of x are the filter's I of all groups.
StatusOr<Parts> partsOf(const Attributes& attributes, const ValueType& x, const ValueType& filter, bool isTransposed) {
  Parts parts;
  const auto& layout = attributes.get<std::string>("layout");
  KILN_ASSIGN_OR_RETURN(parts.layout, parseLayout(layout, x, "x"));
  KILN_ASSIGN_OR_RETURN(parts.filter, parseFilterLayout(attributes.get<std::string>("filter_layout"), layout, filter));
  std::vector<int64_t> kernel;
  for (int axis = 0; axis < filter.shape.rank(); ++axis) {
    if (!filter.shape[axis].isStatic()) {
      return makeError<ErrorId::kO0138>("filter", filter.toString(), "numbers as lengths");
    }
  }
  for (int axis : parts.filter.spatial) {
    kernel.push_back(filter.shape[axis].value());
    if (kernel.back() < 1) {
      return makeError<ErrorId::kO0138>("filter", filter.toString(),
                                        absl::StrCat("at least one tap along axis ", axis));
    }
  }
  KILN_ASSIGN_OR_RETURN(parts.windows, windowsOf(attributes, kernel));
  parts.groups = attributes.get<int64_t>("groups");
  const Dim &channels = x.shape[parts.layout.channels], &inputs = filter.shape[parts.filter.inputs];
  const int64_t divided = isTransposed ? inputs.value() : filter.shape[parts.filter.outputs].value();
  if (!channels.isStatic()) {
    return makeError<ErrorId::kO0138>("x", x.toString(),
                                      absl::StrCat("a number as the length of axis ", parts.layout.channels));
  }
  if (parts.groups < 1 || channels.value() % parts.groups != 0 || divided % parts.groups != 0) {
    return makeError<ErrorId::kO0133>(
        "groups", parts.groups,
        absl::StrCat("a number that divides the ", channels.value(), " channels of x and the ", divided, " of filter"));
  }
  const int64_t wanted = isTransposed ? channels.value() : channels.value() / parts.groups;
  if (inputs.value() != wanted) {
    return makeError<ErrorId::kO0138>(
        "filter", filter.toString(),
        absl::StrCat("the length ", wanted, " of axis ", parts.filter.inputs, ": x is ", x.toString(), " in ",
                     parts.groups, parts.groups == 1 ? " group" : " groups"));
  }
  return parts;
}

ValueType typeOf(const Tensor& tensor) { return {tensor.dtype(), Shape::of(tensor.dims())}; }

// Calls body(position in the image, position in the windows' tensor, position in the filter) for each product of a
// convolution of images with `image` dims to `out` dims: all lists of dims have the filter's and layout's order.
template <class F>
void forEachProduct(const Parts& p, const std::vector<int64_t>& image, const std::vector<int64_t>& out,
                    const std::vector<int64_t>& filter, bool isTransposed, F&& body) {
  const std::vector<int64_t> imageStrides = stridesOf(image), outStrides = stridesOf(out),
                             filterStrides = stridesOf(filter);
  std::vector<int64_t> taps;
  for (const Window& window : p.windows) {
    taps.push_back(window.kernel);
  }
  const int64_t imageChannels = image[p.layout.channels] / p.groups, outChannels = out[p.layout.channels] / p.groups;
  forEachIndex(out, [&](const std::vector<int64_t>& index, int64_t position) {
    const int64_t group = index[p.layout.channels] / outChannels, outChannel = index[p.layout.channels] % outChannels;
    forEachIndex(taps, [&](const std::vector<int64_t>& tap, int64_t) {
      int64_t at = index[p.layout.batch] * imageStrides[p.layout.batch], weight = 0;
      for (size_t i = 0; i < taps.size(); ++i) {
        const Window& w = p.windows[i];
        const int64_t where = index[p.layout.spatial[i]] * w.stride - w.low + tap[i] * w.dilation;
        if (where < 0 || where >= image[p.layout.spatial[i]]) {
          return;
        }
        at += where * imageStrides[p.layout.spatial[i]];
        weight += tap[i] * filterStrides[p.filter.spatial[i]];
      }
      for (int64_t c = 0; c < imageChannels; ++c) {
        // In the transposed op the windows lie over the result: its channels are the filter's O of a group.
        const int64_t input = isTransposed ? group * outChannels + outChannel : c;
        const int64_t output = isTransposed ? c : group * outChannels + outChannel;
        body(at + (group * imageChannels + c) * imageStrides[p.layout.channels], position,
             weight + input * filterStrides[p.filter.inputs] + output * filterStrides[p.filter.outputs]);
      }
    });
  });
}

template <bool kIsTransposed>
Status convolve(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &filter = *context.operands[1];
  Tensor& result = context.results[0];
  KILN_ASSIGN_OR_RETURN(Parts parts, partsOf(*context.attributes, typeOf(x), typeOf(filter), kIsTransposed));
  return withNumeric(x.dtype(), [&]<class T>(T) {
    std::vector<Accumulator<T>> sums(static_cast<size_t>(result.numElements()));
    const Tensor &image = kIsTransposed ? result : x, &out = kIsTransposed ? x : result;
    if (image.numElements() > 0 && out.numElements() > 0) {
      forEachProduct(parts, image.dims(), out.dims(), filter.dims(), kIsTransposed,
                     [&](int64_t inImage, int64_t inOut, int64_t inFilter) {
                       const int64_t from = kIsTransposed ? inOut : inImage, to = kIsTransposed ? inImage : inOut;
                       sums[static_cast<size_t>(to)] += static_cast<Accumulator<T>>(x.data<T>()[from]) *
                                                        static_cast<Accumulator<T>>(filter.data<T>()[inFilter]);
                     });
    }
    for (size_t i = 0; i < sums.size(); ++i) {
      result.mutableData<T>()[i] = static_cast<T>(sums[i]);
    }
    return Status();
  });
}

}  // namespace

namespace conv {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 1, "filter"));
  const ValueType &x = context.operands[0], &filter = context.operands[1];
  KILN_ASSIGN_OR_RETURN(Parts parts, partsOf(*context.attributes, x, filter, /*isTransposed=*/false));
  Shape result = x.shape;
  for (size_t i = 0; i < parts.windows.size(); ++i) {
    const int axis = parts.layout.spatial[i];
    KILN_ASSIGN_OR_RETURN(result[axis], windowCount(x.shape[axis], parts.windows[i], /*ceilMode=*/false, axis, x));
  }
  result[parts.layout.channels] = filter.shape[parts.filter.outputs];
  return setResult(context, x.dtype, std::move(result));
}

Status reference(ReferenceContext& context) { return convolve<false>(context); }

}  // namespace conv

namespace conv_transpose {

Status inferShape(ShapeContext& context) {
  KILN_RETURN_IF_ERROR(checkSameDType(context, 0, "x", 1, "filter"));
  const ValueType &x = context.operands[0], &filter = context.operands[1];
  KILN_ASSIGN_OR_RETURN(Parts parts, partsOf(*context.attributes, x, filter, /*isTransposed=*/true));
  const auto& padding = context.attribute<std::vector<int64_t>>("output_padding");
  bool isValid = padding.size() == parts.windows.size();
  for (size_t i = 0; isValid && i < padding.size(); ++i) {
    isValid = padding[i] >= 0 && padding[i] < std::max(parts.windows[i].stride, parts.windows[i].dilation);
  }
  if (!isValid) {
    return makeError<ErrorId::kO0133>("output_padding", toString(Attribute(padding)),
                                      "an entry for each spatial axis, from 0 to below its stride or dilation");
  }
  Shape result = x.shape;
  for (size_t i = 0; i < parts.windows.size(); ++i) {
    const Window& w = parts.windows[i];
    const int axis = parts.layout.spatial[i];
    result[axis] = (x.shape[axis] - Dim(1)) * Dim(w.stride) + Dim(w.span() - w.low - w.high + padding[i]);
    if (!isNonNegative(result[axis])) {
      return makeError<ErrorId::kO0138>("x", x.toString(),
                                        absl::StrCat("a length of axis ", axis, " for which that of the result, ",
                                                     result[axis].toString(), ", is not negative"));
    }
  }
  result[parts.layout.channels] = Dim(filter.shape[parts.filter.outputs].value() * parts.groups);
  return setResult(context, x.dtype, std::move(result));
}

Status reference(ReferenceContext& context) { return convolve<true>(context); }

}  // namespace conv_transpose
}  // namespace kiln::ops
