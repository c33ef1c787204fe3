// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MaximumOp : Kiln_BinaryOp<"maximum", "Maximum", Kiln_Numeric, Partials<[(select (greater_equal $x, $y), (One), (Zero)), (select (greater_equal $x, $y), (Zero), (One))]>, Exact, [Pure]> {
  let summary = "Larger value, elementwise";
  let description = [{
    `result[i] = max(x[i], y[i])`; NaN when either is; 0 counts as larger than -0. Equal operands pass the derivative to x.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
