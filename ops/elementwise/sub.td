// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SubOp : Kiln_BinaryOp<"sub", "Sub", Kiln_Numeric, Partials<[(One), (neg (One))]>, Exact, [Pure]> {
  let summary = "Difference, elementwise";
  let description = [{
    `result[i] = x[i] - y[i]`; integers wrap around.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
