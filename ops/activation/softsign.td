// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SoftsignOp : Kiln_FormulaOp<"softsign", "activation", (ins Kiln_Float:$x), Kiln_Float,
    (div $x, (add (One), (abs $x))),
    Ulp<2>,
    Partials<[(square (div (One), (add (One), (abs $x))))]>> {
  let summary = "Softsign, elementwise";
  let description = [{
    `result[i] = x[i] / (1 + |x[i]|)`; NaN for NaN and +-inf.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
