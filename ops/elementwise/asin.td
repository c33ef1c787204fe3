// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AsinOp : Kiln_UnaryOp<"asin", "Asin", Kiln_Float, Partials<[(rsqrt (mul (sub (One), $x), (add (One), $x)))]>, Ulp<2>> {
  let summary = "Inverse sine, elementwise";
  let description = [{
    `result[i]` in [-pi/2, pi/2] with sin(result[i]) = x[i]; signed zero kept, NaN beyond [-1, 1] and for NaN. The
    derivative at +-1 is inf.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "unit";
}
