// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AcoshOp : Kiln_UnaryOp<"acosh", "Acosh", Kiln_Float, Partials<[(mul (rsqrt (sub $x, (One))), (rsqrt (add $x, (One))))]>, Ulp<4>> {
  let summary = "Inverse hyperbolic cosine, elementwise";
  let description = [{
    The number from 0 up whose cosh is x[i]; acosh(1) = 0, acosh(inf) = inf, NaN below 1 and for NaN. The
    derivative at 1 is inf.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "positive";
}
