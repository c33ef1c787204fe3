// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SquaredReluOp : Kiln_FormulaOp<"squared_relu", "activation", (ins Kiln_Float:$x), Kiln_Float,
    (square (relu $x)),
    Ulp<1>> {
  let summary = "Square of the rectified linear unit, elementwise";
  let description = [{
    `result[i] = max(x[i], 0)^2`; NaN for NaN (So et al., Primer, NeurIPS 2021).

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
