// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BitwiseNotOp : Kiln_UnaryOp<"bitwise_not", "BitwiseNot", Kiln_IntOrBool, NotDifferentiable<"bits have no derivative">, Exact> {
  let summary = "Bitwise not, elementwise";
  let description = [{
    `result[i] = ~x[i]`; of bools, logical_not.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
