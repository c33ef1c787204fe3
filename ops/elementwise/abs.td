// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AbsOp : Kiln_UnaryOp<"abs", "Abs", Kiln_Numeric, Partials<[(sign $x)]>, Exact> {
  let summary = "Absolute value, elementwise";
  let description = [{
    `result[i] = |x[i]|`; the lowest integer stays as it is. The derivative at 0 is 0.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
