// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_PowOp : Kiln_BinaryOp<"pow", "Pow", Kiln_Float, Partials<[(select (equal $y, (Zero)), (Zero), (mul $y, (pow $x, (sub $y, (One))))), (select (equal $x, (Zero)), (Zero), (mul $result, (log $x)))]>, Ulp<4>, [Pure]> {
  let summary = "Power, elementwise";
  let description = [{
    `result[i] = x[i] ^ y[i]`, with the special values of IEEE 754 pow. The derivative for x is 0 where y = 0, that for y is 0 where x = 0.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
  let sweep = "positive";
}
