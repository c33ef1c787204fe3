// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LogicalOrOp : Kiln_BinaryOp<"logical_or", "Or", Kiln_Bool, NotDifferentiable<"a bool has no derivative">, Exact, [Pure, Commutative]> {
  let summary = "Logical or, elementwise";
  let description = [{
    `result[i] = x[i] || y[i]`

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
