// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReciprocalOp : Kiln_FormulaOp<"reciprocal", "elementwise", (ins Kiln_Float:$x), Kiln_Float,
    (div (One), $x), Ulp<1>, Partials<[(neg (mul $result, $result))]>> {
  let summary = "Reciprocal, elementwise";
  let description = [{
    `result[i] = 1 / x[i]`; signed zeros give infinities of their sign, and the other way round.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "nonzero";
}
