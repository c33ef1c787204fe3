// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def HardSwishThree : Num<"3.0">;
def HardSwishSix : Num<"6.0">;
def Kiln_HardSwishOp : Kiln_FormulaOp<"hard_swish", "activation", (ins Kiln_Float:$x), Kiln_Float,
    (mul $x, (div (minimum (HardSwishSix), (maximum (Zero), (add $x, (HardSwishThree)))), (HardSwishSix))),
    Ulp<2>> {
  let summary = "Piecewise swish, elementwise";
  let description = [{
    `result[i] = x[i] * min(max(x[i] + 3, 0), 6) / 6` (Howard et al. 2019); NaN for NaN and -inf. The derivative
    is 0 at -3 and 1 at 3.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
