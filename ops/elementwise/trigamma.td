// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TrigammaOp : Kiln_UnaryOp<"trigamma", "Trigamma", Kiln_Float, NotDifferentiable<"it would need the polygamma function of order 2, which is not in the op set">, Ulp<8>> {
  let summary = "Trigamma function, elementwise";
  let description = [{
    `result[i] = d digamma(x) / dx` at x[i]; inf at 0 and at negative whole numbers, 0 at inf, NaN at -inf and for
    NaN. The derivative of digamma.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
