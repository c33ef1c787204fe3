// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LeakyReluOp : Kiln_FormulaOp<"leaky_relu", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "0.01">:$alpha), Kiln_Float,
    (select (greater $x, (Zero)), $x, (mul $alpha, $x)),
    Ulp<2>,
    Partials<[(select (greater $x, (Zero)), (One), (get $alpha))]>> {
  let summary = "Leaky rectified linear unit, elementwise";
  let description = [{
    `result[i] = x[i] > 0 ? x[i] : alpha * x[i]`; NaN for NaN. The derivative at 0 is alpha, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
