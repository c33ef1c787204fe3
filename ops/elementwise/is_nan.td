// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_IsNanOp : Kiln_TestOp<"is_nan", "IsNan"> {
  let summary = "Test for NaN, elementwise";
  let description = [{
    True where x[i] is NaN.

    Constraints:
    - (C1) dtype(result) = bool
    - (C2) shape(result) = shape(x)
  }];
}
