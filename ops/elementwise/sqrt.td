// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SqrtOp : Kiln_UnaryOp<"sqrt", "Sqrt", Kiln_Float, Partials<[(div (Num<"0.5">), $result)]>, Exact> {
  let summary = "Square root, elementwise";
  let description = [{
    Correctly rounded; sqrt(-0) = -0, NaN below 0 and for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "positive";
}
