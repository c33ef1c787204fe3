// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_StepOp : Kiln_UnaryOp<"step", "Step", Kiln_Numeric, Partials<[(Zero)]>, Exact> {
  let summary = "Unit step, elementwise";
  let description = [{
    1 where x > 0, else 0; NaN for NaN. The derivative of relu.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
