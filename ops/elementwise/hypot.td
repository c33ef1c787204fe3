// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_HypotOp : Kiln_BinaryOp<"hypot", "Hypot", Kiln_Float, Partials<[(select (equal $result, (Zero)), (Zero), (div $x, $result)), (select (equal $result, (Zero)), (Zero), (div $y, $result))]>, Ulp<2>, [Pure]> {
  let summary = "Length of a vector of two components, elementwise";
  let description = [{
    `result[i] = sqrt(x[i]^2 + y[i]^2)`, without overflow or underflow on the way; inf when either is infinite,
    else NaN when either is NaN. The derivatives at (0, 0) are 0.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
