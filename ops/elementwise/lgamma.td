// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LgammaOp : Kiln_UnaryOp<"lgamma", "Lgamma", Kiln_Float, Partials<[(digamma $x)]>, Ulp<8>> {
  let summary = "Logarithm of the absolute value of the gamma function, elementwise";
  let description = [{
    `result[i] = ln |gamma(x[i])|`; inf at 0, at negative whole numbers and at +-inf, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
