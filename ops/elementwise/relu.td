// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReluOp : Kiln_UnaryOp<"relu", "Relu", Kiln_Numeric, Partials<[(step $x)]>, Exact> {
  let summary = "Rectified linear unit, elementwise";
  let description = [{
    `result[i] = max(x[i], 0)`; NaN for NaN. The derivative at 0 is 0, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
