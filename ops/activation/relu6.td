// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Relu6Six : Num<"6.0">;
def Kiln_Relu6Op : Kiln_FormulaOp<"relu6", "activation", (ins Kiln_Float:$x), Kiln_Float,
    (minimum (Relu6Six), (maximum (Zero), $x)),
    Exact> {
  let summary = "Rectified linear unit up to 6, elementwise";
  let description = [{
    `result[i] = min(max(x[i], 0), 6)`; NaN for NaN. The derivative at 0 and 6 is 0, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
