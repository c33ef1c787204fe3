// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BitwiseOrOp : Kiln_BinaryOp<"bitwise_or", "BitwiseOr", Kiln_IntOrBool, NotDifferentiable<"bits have no derivative">, Exact, [Pure, Commutative]> {
  let summary = "Bitwise or, elementwise";
  let description = [{
    `result[i] = x[i] | y[i]`; of bools, logical_or.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
