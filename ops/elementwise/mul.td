// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MulOp : Kiln_BinaryOp<"mul", "Mul", Kiln_Numeric, Partials<[(get $y), (get $x)]>, Exact, [Pure, Commutative]> {
  let summary = "Product, elementwise";
  let description = [{
    `result[i] = x[i] * y[i]`; integers wrap around.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
