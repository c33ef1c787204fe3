// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CeluOp : Kiln_FormulaOp<"celu", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "1.0">:$alpha), Kiln_Float,
    (select (greater $x, (Zero)), $x, (mul $alpha, (expm1 (div (minimum $x, (Zero)), $alpha)))),
    Ulp<4>,
    Partials<[(select (greater $x, (Zero)), (One), (exp (div (minimum $x, (Zero)), $alpha)))]>> {
  let summary = "Continuously differentiable exponential linear unit, elementwise";
  let description = [{
    `result[i] = x[i] > 0 ? x[i] : alpha * (e^(x[i] / alpha) - 1)` for alpha > 0; NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
