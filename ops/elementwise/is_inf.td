// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_IsInfOp : Kiln_TestOp<"is_inf", "IsInf"> {
  let summary = "Test for infinity, elementwise";
  let description = [{
    True where x[i] is inf or -inf.

    Constraints:
    - (C1) dtype(result) = bool
    - (C2) shape(result) = shape(x)
  }];
}
