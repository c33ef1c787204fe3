// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RoundOp : Kiln_UnaryOp<"round", "Round", Kiln_Float, Partials<[(Zero)]>, Exact> {
  let summary = "Rounding to the nearest, halves to even, elementwise";
  let description = [{
    The whole number nearest to x[i]; halfway between two, the even one. Infinities, NaN and signed zeros stay as
    they are; what rounds to zero keeps the sign of x[i]. The derivative is 0 everywhere.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
