// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SinhOp : Kiln_UnaryOp<"sinh", "Sinh", Kiln_Float, Partials<[(cosh $x)]>, Ulp<4>> {
  let summary = "Hyperbolic sine, elementwise";
  let description = [{
    `result[i] = (e^x[i] - e^-x[i]) / 2`; sinh(+-inf) = +-inf, signed zero kept, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
