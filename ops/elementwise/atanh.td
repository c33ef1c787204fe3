// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AtanhOp : Kiln_UnaryOp<"atanh", "Atanh", Kiln_Float, Partials<[(div (One), (mul (sub (One), $x), (add (One), $x)))]>, Ulp<4>> {
  let summary = "Inverse hyperbolic tangent, elementwise";
  let description = [{
    The number whose tanh is x[i]; atanh(+-1) = +-inf, signed zero kept, NaN beyond [-1, 1] and for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "unit";
}
