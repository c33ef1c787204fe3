// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CeilOp : Kiln_UnaryOp<"ceil", "Ceil", Kiln_Float, Partials<[(Zero)]>, Exact> {
  let summary = "Rounding up, elementwise";
  let description = [{
    The smallest whole number that is not below x[i]. Infinities, NaN and signed zeros stay as they are; what
    rounds to zero keeps the sign of x[i]. The derivative is 0 everywhere.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
