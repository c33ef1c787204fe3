// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// 1 + tanh(u) = 2 sigmoid(2 u), and these are the coefficients of 2 u.
def GeluTanhLinear : Num<"1.5957691216057307117">;
def GeluTanhCubic : Num<"0.071354816272600248773">;
def GeluTanhThreeCubic : Num<"0.21406444881780074632">;
def Kiln_GeluTanhOp : Kiln_UnaryOp<"gelu_tanh", "GeluTanh", Kiln_Float, Partials<[(add (sigmoid (mul $x, (add (GeluTanhLinear), (mul (GeluTanhCubic), (mul $x, $x))))),
    (mul (mul (sigmoid (mul $x, (add (GeluTanhLinear), (mul (GeluTanhCubic), (mul $x, $x))))), (sub (One), (sigmoid (mul $x, (add (GeluTanhLinear), (mul (GeluTanhCubic), (mul $x, $x))))))),
         (mul $x, (add (GeluTanhLinear), (mul (GeluTanhThreeCubic), (mul $x, $x))))))]>, Ulp<6>> {
  let summary = "Gaussian error linear unit, approximated by tanh, elementwise";
  let description = [{
    `result[i] = x[i] * (1 + tanh(sqrt(2 / pi) * (x[i] + 0.044715 * x[i]^3))) / 2`, precise also where it is
    small; gelu_tanh(inf) = inf, gelu_tanh(-inf) = -0, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let family = "activation";
}
