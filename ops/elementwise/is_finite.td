// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_IsFiniteOp : Kiln_TestOp<"is_finite", "IsFinite"> {
  let summary = "Test for a finite number, elementwise";
  let description = [{
    True where x[i] is neither infinite nor NaN.

    Constraints:
    - (C1) dtype(result) = bool
    - (C2) shape(result) = shape(x)
  }];
}
