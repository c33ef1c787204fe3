// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ThresholdedReluOp : Kiln_FormulaOp<"thresholded_relu", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "1.0">:$alpha), Kiln_Float,
    (select (less_equal $x, $alpha), (Zero), $x),
    Exact> {
  let summary = "Identity above a threshold and 0 up to it, elementwise";
  let description = [{
    `result[i] = x[i] > alpha ? x[i] : 0`; NaN for NaN. The derivative at alpha is 0.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
