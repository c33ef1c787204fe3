// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def CbrtThird : Num<"0.33333333333333333333">;
def Kiln_CbrtOp : Kiln_UnaryOp<"cbrt", "Cbrt", Kiln_Float, Partials<[(div (CbrtThird), (mul $result, $result))]>, Ulp<4>> {
  let summary = "Cube root, elementwise";
  let description = [{
    `result[i]` with result[i]^3 = x[i], negative for negative x[i]; signed zero and infinities kept, NaN for NaN.
    The derivative at 0 is inf.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "nonzero";
}
