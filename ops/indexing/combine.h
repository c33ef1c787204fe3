// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a scattered update does to the element that it meets, for the references of the scatter ops.
#pragma once

#include <string>

#include "ops/elementwise/scalars.h"
#include "ops/spec/loops.h"
#include "ops/spec/shape_checks.h"

namespace kiln::ops {

/// Errors: KILN-O0133 unless `reduction` is none, add (where `hasAdd`), mul, min or max, and for bool tensors none.
inline Status checkReduction(const std::string& reduction, DType dtype, bool hasAdd = true) {
  if (dtype == boolean && reduction != "none") {
    return makeError<ErrorId::kO0133>("reduction", reduction, "none for a bool tensor");
  }
  if (reduction != "none" && reduction != "mul" && reduction != "min" && reduction != "max" &&
      !(hasAdd && reduction == "add")) {
    return makeError<ErrorId::kO0133>("reduction", reduction,
                                      hasAdd ? "none, add, mul, min or max" : "none, mul, min or max");
  }
  return {};
}

/// Goes through the pairs (element of x, update) that `forEachPair` gives to its argument, in the order in which they
/// combine. Sums are in double; products are rounded at every step, and the others are exact.
template <class ForEachPair>
Status combineInto(const Tensor& x, const Tensor& updates, const std::string& reduction, Tensor& result,
                   ForEachPair&& forEachPair) {
  for (int64_t i = 0; i < x.numElements(); ++i) {
    copyElement(x, i, result, i);
  }
  if (reduction == "none") {
    return forEachPair([&](int64_t to, int64_t from) { copyElement(updates, from, result, to); });
  }
  return withNumeric(x.dtype(), [&]<class T>(T) -> Status {
    T* out = result.mutableData<T>();
    const T* update = updates.data<T>();
    using Wide = Accumulator<T>;
    if (reduction == "add") {
      std::vector<Wide> sums(out, out + x.numElements());
      KILN_RETURN_IF_ERROR(forEachPair([&](int64_t to, int64_t from) { sums[to] += static_cast<Wide>(update[from]); }));
      for (int64_t i = 0; i < x.numElements(); ++i) {
        out[i] = static_cast<T>(sums[i]);
      }
      return {};
    }
    auto combineBy = [&](auto scalar) {
      return forEachPair([&](int64_t to, int64_t from) { out[to] = scalar(out[to], update[from]); });
    };
    if (reduction == "mul") {
      return combineBy(scalars::Mul{});
    }
    return reduction == "min" ? combineBy(scalars::Minimum{}) : combineBy(scalars::Maximum{});
  });
}

}  // namespace kiln::ops
