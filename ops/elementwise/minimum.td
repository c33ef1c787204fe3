// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MinimumOp : Kiln_BinaryOp<"minimum", "Minimum", Kiln_Numeric, Partials<[(select (less_equal $x, $y), (One), (Zero)), (select (less_equal $x, $y), (Zero), (One))]>, Exact, [Pure]> {
  let summary = "Smaller value, elementwise";
  let description = [{
    `result[i] = min(x[i], y[i])`; NaN when either is; 0 counts as larger than -0. Equal operands pass the derivative to x.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
