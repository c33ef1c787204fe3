// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_DigammaOp : Kiln_UnaryOp<"digamma", "Digamma", Kiln_Float, Partials<[(trigamma $x)]>, Ulp<64>> {
  let summary = "Digamma function, elementwise";
  let description = [{
    `result[i] = d ln gamma(x) / dx` at x[i]; digamma(0) = -inf, digamma(-0) = inf, inf at inf, NaN at negative
    whole numbers, at -inf and for NaN. The tolerance is that near the zeros below 0, where terms of ordinary size
    cancel; elsewhere results are within 2 ulp.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
