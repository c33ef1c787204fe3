// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_HardshrinkOp : Kiln_FormulaOp<"hardshrink", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "0.5">:$lambd), Kiln_Float,
    (select (less_equal (abs $x), $lambd), (Zero), $x),
    Exact,
    Partials<[(select (less_equal (abs $x), $lambd), (Zero), (One))]>> {
  let summary = "Zero near zero, elementwise";
  let description = [{
    0 where |x[i]| <= lambd, else x[i], for lambd >= 0; NaN for NaN. The derivative at +-lambd is 0, as in
    PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
