// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_Log1pOp : Kiln_UnaryOp<"log1p", "Log1p", Kiln_Float, Partials<[(div (One), (add (One), $x))]>, Ulp<2>> {
  let summary = "Logarithm of one plus the operand, elementwise";
  let description = [{
    `result[i] = ln(1 + x[i])`, precise near 0; log1p(-1) = -inf, signed zero kept, NaN below -1 and for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
