// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CopysignOp : Kiln_BinaryOp<"copysign", "Copysign", Kiln_Float, Partials<[(mul (sign $x), (copysign (One), $y)), (Zero)]>, Exact, [Pure]> {
  let summary = "Magnitude of one operand with the sign of another, elementwise";
  let description = [{
    `result[i]` is |x[i]| with the sign bit of y[i]. The derivative for x at 0 is 0.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
