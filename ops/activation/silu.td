// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SiluOp : Kiln_UnaryOp<"silu", "Silu", Kiln_Float, Partials<[(mul (sigmoid $x), (add (One), (mul $x, (sub (One), (sigmoid $x)))))]>, Ulp<4>> {
  let summary = "Sigmoid linear unit (swish), elementwise";
  let description = [{
    `result[i] = x[i] / (1 + e^-x[i])`; silu(inf) = inf, silu(-inf) = -0, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let family = "activation";
}
