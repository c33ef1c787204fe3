// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AtanOp : Kiln_UnaryOp<"atan", "Atan", Kiln_Float, Partials<[(div (One), (add (One), (mul $x, $x)))]>, Ulp<2>> {
  let summary = "Inverse tangent, elementwise";
  let description = [{
    `result[i]` in [-pi/2, pi/2] with tan(result[i]) = x[i]; signed zero kept, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
