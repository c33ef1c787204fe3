// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_Expm1Op : Kiln_UnaryOp<"expm1", "Expm1", Kiln_Float, Partials<[(add $result, (One))]>, Ulp<2>> {
  let summary = "Exponential minus one, elementwise";
  let description = [{
    `result[i] = e^x[i] - 1`, precise near 0; expm1(-inf) = -1, expm1(inf) = inf, signed zero kept, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
