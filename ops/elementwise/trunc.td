// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TruncOp : Kiln_UnaryOp<"trunc", "Trunc", Kiln_Float, Partials<[(Zero)]>, Exact> {
  let summary = "Rounding toward zero, elementwise";
  let description = [{
    The whole number nearest to x[i] that is not farther from 0. Infinities, NaN and signed zeros stay as they
    are; what rounds to zero keeps the sign of x[i]. The derivative is 0 everywhere.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
