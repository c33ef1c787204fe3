// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_HardTanhOp : Kiln_FormulaOp<"hard_tanh", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "-1.0">:$low, DefaultValuedAttr<F64Attr, "1.0">:$high), Kiln_Float,
    (minimum $high, (maximum $low, $x)),
    Exact> {
  let summary = "Piecewise linear tanh, elementwise";
  let description = [{
    `result[i] = min(max(x[i], low), high)`; NaN for NaN. The derivative at low and high is 0, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
