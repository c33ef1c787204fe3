// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AcosOp : Kiln_UnaryOp<"acos", "Acos", Kiln_Float, Partials<[(neg (rsqrt (mul (sub (One), $x), (add (One), $x))))]>, Ulp<2>> {
  let summary = "Inverse cosine, elementwise";
  let description = [{
    `result[i]` in [0, pi] with cos(result[i]) = x[i]; NaN beyond [-1, 1] and for NaN. The derivative at +-1 is
    -inf.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "unit";
}
