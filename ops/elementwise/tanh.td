// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TanhOp : Kiln_UnaryOp<"tanh", "Tanh", Kiln_Float, Partials<[(sub (One), (mul $result, $result))]>, Ulp<2>> {
  let summary = "Hyperbolic tangent, elementwise";
  let description = [{
    `result[i] = tanh(x[i])`; tanh(+-inf) = +-1, signed zero kept, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
