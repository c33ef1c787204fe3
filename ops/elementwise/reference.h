// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Shapes and references of the unary, binary and comparison ops; the op table instantiates them with a scalar
/// functor and the element types that the entry allows.
#pragma once

#include "ops/elementwise/scalars.h"
#include "ops/spec/schema.h"

namespace kiln::ops::elementwise {

/// The result has the type of the operands, which are equal. Errors: KILN-O0108, KILN-O0109.
Status inferSameType(ShapeContext& context);
/// A bool result of the operands' shape. Errors: KILN-O0108, KILN-O0109.
Status inferComparison(ShapeContext& context);
/// KILN-R0031, for a fault of a scalar functor.
Status divisionByZero();

/// result[i] = F(x[i]) for the element types T.
template <class F, class... T>
Status referenceUnary(ReferenceContext& context) {
  const Tensor& x = *context.operands[0];
  Tensor& result = context.results[0];
  auto loop = [&]<class E>(E) {
    for (int64_t i = 0; i < x.numElements(); ++i) {
      result.mutableData<E>()[i] = F()(x.data<E>()[i]);
    }
  };
  (void)((x.dtype() == dtypeOf<T>() && (loop(T{}), true)) || ...);
  return {};
}

/// result[i] = F(x[i], y[i]); stops at the first fault of a functor that has some.
template <class F, class... T>
Status referenceBinary(ReferenceContext& context) {
  const Tensor &x = *context.operands[0], &y = *context.operands[1];
  Tensor& result = context.results[0];
  auto loop = [&]<class E>(E) -> Status {
    using R = decltype(F()(E{}, E{}));
    for (int64_t i = 0; i < x.numElements(); ++i) {
      const E a = x.data<E>()[i], b = y.data<E>()[i];
      if constexpr (requires { F::isFault(a, b); }) {
        if (F::isFault(a, b)) {
          return divisionByZero();
        }
      }
      result.mutableData<R>()[i] = F()(a, b);
    }
    return {};
  };
  Status status;
  (void)((x.dtype() == dtypeOf<T>() && (status = loop(T{}), true)) || ...);
  return status;
}

}  // namespace kiln::ops::elementwise
