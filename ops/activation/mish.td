// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MishOp : Kiln_UnaryOp<"mish", "Mish", Kiln_Float, Partials<[(add (tanh (softplus $x)),
    (mul (mul $x, (sigmoid $x)), (sub (One), (square (tanh (softplus $x))))))]>, Ulp<6>> {
  let summary = "Mish, elementwise";
  let description = [{
    `result[i] = x[i] * tanh(ln(1 + e^x[i]))` (Misra 2019); mish(inf) = inf, mish(-inf) = -0, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let family = "activation";
}
