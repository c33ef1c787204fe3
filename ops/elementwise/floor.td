// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_FloorOp : Kiln_UnaryOp<"floor", "Floor", Kiln_Float, Partials<[(Zero)]>, Exact> {
  let summary = "Rounding down, elementwise";
  let description = [{
    The largest whole number that is not above x[i]. Infinities, NaN and signed zeros stay as they are; what
    rounds to zero keeps the sign of x[i]. The derivative is 0 everywhere.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
