// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_NegOp : Kiln_UnaryOp<"neg", "Neg", Kiln_Numeric, Partials<[(neg (One))]>, Exact> {
  let summary = "Negation, elementwise";
  let description = [{
    `result[i] = -x[i]`; integers wrap around.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
