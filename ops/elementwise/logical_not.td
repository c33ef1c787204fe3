// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LogicalNotOp : Kiln_UnaryOp<"logical_not", "Not", Kiln_Bool, NotDifferentiable<"a bool has no derivative">, Exact> {
  let summary = "Logical not, elementwise";
  let description = [{
    `result[i] = !x[i]`

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
