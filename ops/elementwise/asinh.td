// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AsinhOp : Kiln_UnaryOp<"asinh", "Asinh", Kiln_Float, Partials<[(div (One), (hypot $x, (One)))]>, Ulp<4>> {
  let summary = "Inverse hyperbolic sine, elementwise";
  let description = [{
    The number whose sinh is x[i]; asinh(+-inf) = +-inf, signed zero kept, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
