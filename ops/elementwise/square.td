// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def SquareTwo : Num<"2.0">;
def Kiln_SquareOp : Kiln_UnaryOp<"square", "Square", Kiln_Numeric, Partials<[(mul (SquareTwo), $x)]>, Exact> {
  let summary = "Square, elementwise";
  let description = [{
    `result[i] = x[i] * x[i]`; integers wrap around.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
