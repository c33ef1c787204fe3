// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AddOp : Kiln_BinaryOp<"add", "Add", Kiln_Numeric, Partials<[(One), (One)]>, Exact, [Pure, Commutative]> {
  let summary = "Sum, elementwise";
  let description = [{
    `result[i] = x[i] + y[i]`; integers wrap around.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
