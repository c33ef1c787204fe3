// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CoshOp : Kiln_UnaryOp<"cosh", "Cosh", Kiln_Float, Partials<[(sinh $x)]>, Ulp<4>> {
  let summary = "Hyperbolic cosine, elementwise";
  let description = [{
    `result[i] = (e^x[i] + e^-x[i]) / 2`; cosh(+-inf) = inf, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
