// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def ErfcMinusTwoOverSqrtPi : Num<"-1.1283791670955125739">;
def Kiln_ErfcOp : Kiln_UnaryOp<"erfc", "Erfc", Kiln_Float, Partials<[(mul (ErfcMinusTwoOverSqrtPi), (exp (neg (mul $x, $x))))]>, Ulp<8>> {
  let summary = "Complementary error function, elementwise";
  let description = [{
    `result[i] = 1 - erf(x[i])`, precise also where it is small; erfc(inf) = 0, erfc(-inf) = 2, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
