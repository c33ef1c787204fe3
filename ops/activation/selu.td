// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SeluOp : Kiln_FormulaOp<"selu", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "1.6732632423543772848170429916717">:$alpha, DefaultValuedAttr<F64Attr, "1.0507009873554804934193349852946">:$gamma), Kiln_Float,
    (mul $gamma, (select (greater $x, (Zero)), $x, (mul $alpha, (expm1 (minimum $x, (Zero)))))),
    Ulp<4>,
    Partials<[(mul $gamma, (select (greater $x, (Zero)), (One), (mul $alpha, (exp (minimum $x, (Zero))))))]>> {
  let summary = "Scaled exponential linear unit, elementwise";
  let description = [{
    `result[i] = gamma * (x[i] > 0 ? x[i] : alpha * (e^x[i] - 1))` (Klambauer et al. 2017); NaN for NaN. The
    derivative at 0 is gamma * alpha, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
