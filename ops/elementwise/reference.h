// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Shapes and references of the unary, binary and comparison ops; the op table instantiates them with a scalar
/// functor and the element types that the entry allows.
#pragma once

#include <utility>

#include "ops/elementwise/bit_scalars.h"
#include "ops/elementwise/scalars.h"
#include "ops/elementwise/special_scalars.h"
#include "ops/spec/schema.h"

namespace kiln::ops::elementwise {

/// The result has the type of the operands, which are equal. Errors: KILN-O0108, KILN-O0109.
Status inferSameType(ShapeContext& context);
/// A bool result of the operands' shape; several operands have one type. Errors: KILN-O0108, KILN-O0109.
Status inferTest(ShapeContext& context);
/// KILN-R0031, for a fault of a scalar functor.
Status divisionByZero();

/// result[i] = f(x[i]), f(x[i], y[i]) or f(x[i], y[i], z[i]) for the element types T; stops at the first fault of a
/// functor that has some.
template <class... T, class F>
Status referenceMap(ReferenceContext& context, const F& f) {
  auto run = [&]<class E, size_t... I>(E, std::index_sequence<I...>) -> Status {
    using R = decltype(f((static_cast<void>(I), E{})...));
    const E* const data[] = {context.operands[I]->template data<E>()...};
    R* const result = context.results[0].template mutableData<R>();
    for (int64_t i = 0; i < context.results[0].numElements(); ++i) {
      if constexpr (requires { F::isFault(data[I][i]...); }) {
        if (F::isFault(data[I][i]...)) {
          return divisionByZero();
        }
      }
      result[i] = f(data[I][i]...);
    }
    return {};
  };
  auto loop = [&]<class E>(E zero) -> Status {
    if constexpr (requires { f(zero, zero, zero); }) {
      return run(zero, std::make_index_sequence<3>());
    } else if constexpr (requires { f(zero, zero); }) {
      return run(zero, std::make_index_sequence<2>());
    } else {
      return run(zero, std::make_index_sequence<1>());
    }
  };
  Status status;
  (void)((context.operands[0]->dtype() == dtypeOf<T>() && (status = loop(T{}), true)) || ...);
  return status;
}

/// referenceMap() of a functor without attributes.
template <class F, class... T>
Status referenceScalar(ReferenceContext& context) {
  return referenceMap<T...>(context, F{});
}

}  // namespace kiln::ops::elementwise
