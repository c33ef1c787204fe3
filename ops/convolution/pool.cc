// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// max_pool, avg_pool and the adaptive ones.
#include "ops/convolution/pool.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {
namespace {

// The positions of one axis that a window looks at, and how many of them count for a mean.
struct Taps {
  std::vector<int64_t> positions;  // Inside of x.
  int64_t count = 0;
};

// For each spatial axis the taps of each window.
using TapsOfAxes = std::vector<std::vector<Taps>>;

ValueType typeOf(const Tensor& tensor) { return {tensor.dtype(), Shape::of(tensor.dims())}; }

TapsOfAxes tapsOf(const Pool& pool, const std::vector<int64_t>& x, const std::vector<int64_t>& result,
                  bool countPadding) {
  TapsOfAxes all;
  for (size_t i = 0; i < pool.windows.size(); ++i) {
    const Window& w = pool.windows[i];
    const int64_t length = x[pool.layout.spatial[i]];
    all.emplace_back();
    for (int64_t o = 0; o < result[pool.layout.spatial[i]]; ++o) {
      Taps taps;
      for (int64_t k = 0; k < w.kernel; ++k) {
        const int64_t position = o * w.stride - w.low + k * w.dilation;
        if (position >= 0 && position < length) {
          taps.positions.push_back(position);
          ++taps.count;
        } else if (countPadding && position < length + w.high) {
          ++taps.count;
        }
      }
      all.back().push_back(std::move(taps));
    }
  }
  return all;
}

TapsOfAxes tapsOf(const AdaptivePool& pool) {
  TapsOfAxes all;
  for (size_t i = 0; i < pool.lengths.size(); ++i) {
    all.emplace_back();
    for (int64_t o = 0; o < pool.outputSize[i]; ++o) {
      Taps taps;
      const Bin bin = adaptiveBin(o, pool.lengths[i], pool.outputSize[i]);
      for (int64_t position = bin.begin; position < bin.end; ++position) {
        taps.positions.push_back(position);
      }
      taps.count = static_cast<int64_t>(taps.positions.size());
      all.back().push_back(std::move(taps));
    }
  }
  return all;
}

// Calls body(position in the result, count, elements) for each window; an element is its position in x and its
// row-major position within the spatial axes.
using Element = std::pair<int64_t, int64_t>;
template <class F>
void forEachWindow(const Layout& layout, const TapsOfAxes& taps, const std::vector<int64_t>& x,
                   const std::vector<int64_t>& result, F&& body) {
  const std::vector<int64_t> strides = stridesOf(x);
  forEachIndex(result, [&](const std::vector<int64_t>& index, int64_t position) {
    const int64_t base =
        index[layout.batch] * strides[layout.batch] + index[layout.channels] * strides[layout.channels];
    std::vector<int64_t> lengths;
    int64_t count = 1;
    for (size_t i = 0; i < taps.size(); ++i) {
      const Taps& ofAxis = taps[i][index[layout.spatial[i]]];
      lengths.push_back(static_cast<int64_t>(ofAxis.positions.size()));
      count *= ofAxis.count;
    }
    std::vector<Element> elements;
    forEachIndex(lengths, [&](const std::vector<int64_t>& tap, int64_t) {
      Element element{base, 0};
      for (size_t i = 0; i < taps.size(); ++i) {
        const int axis = layout.spatial[i];
        const int64_t p = taps[i][index[axis]].positions[tap[i]];
        element.first += p * strides[axis];
        element.second = element.second * x[axis] + p;
      }
      elements.push_back(element);
    });
    body(position, count, elements);
  });
}

Status largest(ReferenceContext& context, const Layout& layout, const TapsOfAxes& taps) {
  const Tensor& x = *context.operands[0];
  return withNumeric(x.dtype(), [&]<class T>(T) {
    using Limits = std::numeric_limits<T>;
    forEachWindow(layout, taps, x.dims(), context.results[0].dims(),
                  [&](int64_t to, int64_t, const std::vector<Element>& elements) {
                    T largest = Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
                    for (const Element& element : elements) {
                      largest = scalars::Maximum()(largest, x.data<T>()[element.first]);
                    }
                    const bool isNan = largest != largest;
                    int64_t index = 0;
                    for (size_t i = elements.size(); i-- > 0;) {
                      const T value = x.data<T>()[elements[i].first];
                      index = (isNan ? value != value : value == largest) ? elements[i].second : index;
                    }
                    context.results[0].mutableData<T>()[to] = largest;
                    context.results[1].mutableData<int64_t>()[to] = index;
                  });
    return Status();
  });
}

Status mean(ReferenceContext& context, const Layout& layout, const TapsOfAxes& taps) {
  const Tensor& x = *context.operands[0];
  return withFloat(x.dtype(), [&]<class T>(T) {
    forEachWindow(layout, taps, x.dims(), context.results[0].dims(),
                  [&](int64_t to, int64_t count, const std::vector<Element>& elements) {
                    double sum = 0;
                    for (const Element& element : elements) {
                      sum += static_cast<double>(x.data<T>()[element.first]);
                    }
                    context.results[0].mutableData<T>()[to] = static_cast<T>(sum / static_cast<double>(count));
                  });
    return Status();
  });
}

StatusOr<Shape> pooledShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(Pool pool, poolOf(*context.attributes, x));
  Shape result = x.shape;
  for (size_t i = 0; i < pool.windows.size(); ++i) {
    const int axis = pool.layout.spatial[i];
    KILN_ASSIGN_OR_RETURN(result[axis], windowCount(x.shape[axis], pool.windows[i], pool.ceilMode, axis, x));
  }
  return result;
}

StatusOr<Shape> adaptedShape(ShapeContext& context) {
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(AdaptivePool pool, adaptivePoolOf(*context.attributes, x));
  Shape result = x.shape;
  for (size_t i = 0; i < pool.outputSize.size(); ++i) {
    result[pool.layout.spatial[i]] = Dim(pool.outputSize[i]);
  }
  return result;
}

Status setValuesAndIndices(ShapeContext& context, Shape shape) {
  context.results = {ValueType{context.operands[0].dtype, shape}, ValueType{i64, shape}};
  return {};
}

}  // namespace

StatusOr<Pool> poolOf(const Attributes& attributes, const ValueType& x) {
  Pool pool;
  KILN_ASSIGN_OR_RETURN(pool.layout, parseLayout(attributes.get<std::string>("layout"), x, "x"));
  KILN_ASSIGN_OR_RETURN(pool.windows, windowsOf(attributes, pool.layout.spatial.size()));
  pool.ceilMode = attributes.get<bool>("ceil_mode");
  for (size_t i = 0; i < pool.windows.size(); ++i) {
    const Window& w = pool.windows[i];
    for (const auto& [name, padding] : {std::pair("low", w.low), std::pair("high", w.high)}) {
      if (padding < 0 || padding > w.span() / 2) {
        return makeError<ErrorId::kO0133>(
            name, toString(Attribute(attributes.get<std::vector<int64_t>>(name))),
            absl::StrCat("from 0 to ", w.span() / 2, ", half of the window, for spatial axis ", i));
      }
    }
  }
  return pool;
}

StatusOr<AdaptivePool> adaptivePoolOf(const Attributes& attributes, const ValueType& x) {
  AdaptivePool pool;
  KILN_ASSIGN_OR_RETURN(pool.layout, parseLayout(attributes.get<std::string>("layout"), x, "x"));
  pool.outputSize = attributes.get<std::vector<int64_t>>("output_size");
  bool isValid = pool.outputSize.size() == pool.layout.spatial.size();
  for (int64_t length : pool.outputSize) {
    isValid &= length > 0 && length <= kMaxWindowNumber;
  }
  if (!isValid) {
    return makeError<ErrorId::kO0133>("output_size", toString(Attribute(pool.outputSize)),
                                      absl::StrCat("a positive number up to ", kMaxWindowNumber, " for each of the ",
                                                   pool.layout.spatial.size(), " spatial axes"));
  }
  for (int axis : pool.layout.spatial) {
    if (!x.shape[axis].isStatic() || x.shape[axis].value() < 1 || x.shape[axis].value() > kMaxWindowNumber) {
      return makeError<ErrorId::kO0138>("x", x.toString(),
                                        absl::StrCat("a positive number as the length of axis ", axis));
    }
    pool.lengths.push_back(x.shape[axis].value());
  }
  return pool;
}

namespace max_pool {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, pooledShape(context));
  const ValueType& x = context.operands[0];
  KILN_ASSIGN_OR_RETURN(Pool pool, poolOf(*context.attributes, x));
  for (size_t i = 0; i < pool.windows.size(); ++i) {
    const Dim& length = x.shape[pool.layout.spatial[i]];
    if (!length.isStatic() && pool.windows[i].stride != 1) {
      return makeError<ErrorId::kO0134>(length.toString(), pool.layout.spatial[i], pool.windows[i].stride);
    }
  }
  return setValuesAndIndices(context, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  KILN_ASSIGN_OR_RETURN(Pool pool, poolOf(*context.attributes, typeOf(x)));
  return largest(context, pool.layout, tapsOf(pool, x.dims(), context.results[0].dims(), false));
}

}  // namespace max_pool

namespace avg_pool {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, pooledShape(context));
  return setResult(context, context.operands[0].dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  KILN_ASSIGN_OR_RETURN(Pool pool, poolOf(*context.attributes, typeOf(x)));
  return mean(context, pool.layout,
              tapsOf(pool, x.dims(), context.results[0].dims(), context.attribute<bool>("count_padding")));
}

}  // namespace avg_pool

namespace adaptive_avg_pool {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, adaptedShape(context));
  return setResult(context, context.operands[0].dtype, std::move(shape));
}

Status reference(ReferenceContext& context) {
  KILN_ASSIGN_OR_RETURN(AdaptivePool pool, adaptivePoolOf(*context.attributes, typeOf(*context.operands[0])));
  return mean(context, pool.layout, tapsOf(pool));
}

}  // namespace adaptive_avg_pool

namespace adaptive_max_pool {

Status inferShape(ShapeContext& context) {
  KILN_ASSIGN_OR_RETURN(Shape shape, adaptedShape(context));
  return setValuesAndIndices(context, std::move(shape));
}

Status reference(ReferenceContext& context) {
  KILN_ASSIGN_OR_RETURN(AdaptivePool pool, adaptivePoolOf(*context.attributes, typeOf(*context.operands[0])));
  return largest(context, pool.layout, tapsOf(pool));
}

}  // namespace adaptive_max_pool
}  // namespace kiln::ops
