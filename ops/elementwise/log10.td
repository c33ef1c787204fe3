// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Log10E : Num<"0.43429448190325182765">;
def Kiln_Log10Op : Kiln_UnaryOp<"log10", "Log10", Kiln_Float, Partials<[(div (Log10E), $x)]>, Ulp<2>> {
  let summary = "Logarithm to the base 10, elementwise";
  let description = [{
    `result[i] = log10 x[i]`; log10(0) = -inf, NaN below 0 and for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "positive";
}
