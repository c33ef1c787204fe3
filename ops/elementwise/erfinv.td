// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def ErfinvHalfSqrtPi : Num<"0.88622692545275801365">;
def Kiln_ErfinvOp : Kiln_UnaryOp<"erfinv", "Erfinv", Kiln_Float, Partials<[(mul (ErfinvHalfSqrtPi), (exp (mul $result, $result)))]>, Ulp<4>> {
  let summary = "Inverse error function, elementwise";
  let description = [{
    The number whose erf is x[i]; erfinv(+-1) = +-inf, signed zero kept, NaN beyond and for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "unit";
}
