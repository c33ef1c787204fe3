// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def HardSigmoidThree : Num<"3.0">;
def HardSigmoidSix : Num<"6.0">;
def Kiln_HardSigmoidOp : Kiln_FormulaOp<"hard_sigmoid", "activation", (ins Kiln_Float:$x), Kiln_Float,
    (div (minimum (HardSigmoidSix), (maximum (Zero), (add $x, (HardSigmoidThree)))), (HardSigmoidSix)),
    Ulp<1>> {
  let summary = "Piecewise linear sigmoid, elementwise";
  let description = [{
    `result[i] = min(max(x[i] + 3, 0), 6) / 6`; NaN for NaN. The derivative at -3 and 3 is 0, as in PyTorch.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
