// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SoftshrinkOp : Kiln_FormulaOp<"softshrink", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "0.5">:$lambd), Kiln_Float,
    (sub $x, (minimum (maximum $x, (neg $lambd)), $lambd)),
    Ulp<1>,
    Partials<[(select (less_equal (abs $x), $lambd), (Zero), (One))]>> {
  let summary = "Shrinkage toward zero, elementwise";
  let description = [{
    x[i] - lambd above lambd, x[i] + lambd below -lambd, 0 between, for lambd >= 0; NaN for NaN. The derivative at
    +-lambd is 0, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
