// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_EluOp : Kiln_FormulaOp<"elu", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "1.0">:$alpha), Kiln_Float,
    (select (greater $x, (Zero)), $x, (mul $alpha, (expm1 (minimum $x, (Zero))))),
    Ulp<4>,
    Partials<[(select (greater $x, (Zero)), (One), (mul $alpha, (exp (minimum $x, (Zero)))))]>> {
  let summary = "Exponential linear unit, elementwise";
  let description = [{
    `result[i] = x[i] > 0 ? x[i] : alpha * (e^x[i] - 1)`; NaN for NaN. The derivative at 0 is alpha, as in
    PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
