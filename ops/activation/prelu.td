// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_PreluOp : Kiln_FormulaOp<"prelu", "activation", (ins Kiln_Float:$x, Kiln_Float:$slope), Kiln_Float,
    (select (greater $x, (Zero)), $x, (mul $slope, $x)),
    Ulp<1>,
    Partials<[(select (greater $x, (Zero)), (One), (get $slope)), (select (greater $x, (Zero)), (Zero), (get $x))]>> {
  let summary = "Rectified linear unit with a learned slope, elementwise";
  let description = [{
    `result[i] = x[i] > 0 ? x[i] : slope[i] * x[i]`; NaN for NaN. The slope is broadcast to the shape of x: give
    one for each channel of [batch, channels, ...] the shape [channels, 1, ...]. The derivative for x at 0 is the
    slope, as in PyTorch.

    Constraints:
    - (C1) type(x) = type(slope) = type(result)
  }];
}
