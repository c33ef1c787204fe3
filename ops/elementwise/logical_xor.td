// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LogicalXorOp : Kiln_BinaryOp<"logical_xor", "Xor", Kiln_Bool, NotDifferentiable<"a bool has no derivative">, Exact, [Pure, Commutative]> {
  let summary = "Logical exclusive or, elementwise";
  let description = [{
    `result[i] = x[i] != y[i]`

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
