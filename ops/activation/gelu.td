// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def GeluHalf : Num<"0.5">;
def GeluMinusHalf : Num<"-0.5">;
def GeluMinusSqrtHalf : Num<"-0.70710678118654752440">;
def GeluInverseSqrtTwoPi : Num<"0.39894228040143267794">;
def Kiln_GeluOp : Kiln_UnaryOp<"gelu", "Gelu", Kiln_Float, Partials<[(add (mul (GeluHalf), (erfc (mul (GeluMinusSqrtHalf), $x))), (mul $x, (mul (GeluInverseSqrtTwoPi), (exp (mul (GeluMinusHalf), (mul $x, $x))))))]>, Ulp<8>> {
  let summary = "Gaussian error linear unit, elementwise";
  let description = [{
    `result[i] = x[i] * (1 + erf(x[i] / sqrt(2))) / 2`, precise also where it is small; gelu(inf) = inf,
    gelu(-inf) = -0, NaN for NaN. Its approximation by tanh is gelu_tanh.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let family = "activation";
}
