// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BitwiseAndOp : Kiln_BinaryOp<"bitwise_and", "BitwiseAnd", Kiln_IntOrBool, NotDifferentiable<"bits have no derivative">, Exact, [Pure, Commutative]> {
  let summary = "Bitwise and, elementwise";
  let description = [{
    `result[i] = x[i] & y[i]`; of bools, logical_and.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
