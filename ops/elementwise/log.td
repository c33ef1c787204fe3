// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LogOp : Kiln_UnaryOp<"log", "Log", Kiln_Float, Partials<[(div (One), $x)]>, Ulp<2>> {
  let summary = "Natural logarithm, elementwise";
  let description = [{
    `result[i] = ln x[i]`; log(0) = -inf, NaN below 0 and for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "positive";
}
