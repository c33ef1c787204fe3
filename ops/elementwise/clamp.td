// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ClampOp : Kiln_TernaryOp<"clamp", "Clamp", Kiln_Numeric, Partials<[(select (greater_equal $x, $low), (select (less_equal $x, $high), (One), (Zero)), (Zero)), (select (less $x, $low), (select (less $low, $high), (One), (Zero)), (Zero)), (select (greater (maximum $x, $low), $high), (One), (Zero))]>, Exact> {
  let summary = "Limitation to a range, elementwise";
  let description = [{
    `result[i] = min(max(x[i], low[i]), high[i])` with NaN as in minimum and maximum; high[i] where low[i] >
    high[i]. At the ends of the range the derivative passes to x, as in PyTorch.

    Constraints:
    - (C1) type(x) = type(low) = type(high) = type(result)
  }];
  let arguments = (ins Kiln_Numeric:$x, Kiln_Numeric:$low, Kiln_Numeric:$high);
}
