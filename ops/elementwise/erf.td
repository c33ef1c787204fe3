// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def ErfTwoOverSqrtPi : Num<"1.1283791670955125739">;
def Kiln_ErfOp : Kiln_UnaryOp<"erf", "Erf", Kiln_Float, Partials<[(mul (ErfTwoOverSqrtPi), (exp (neg (mul $x, $x))))]>, Ulp<4>> {
  let summary = "Error function, elementwise";
  let description = [{
    `result[i] = 2 / sqrt(pi) * integral of e^-t^2 from 0 to x[i]`; erf(+-inf) = +-1, signed zero kept, NaN for
    NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
