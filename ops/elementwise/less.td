// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LessOp : Kiln_CompareOp<"less", "Less"> {
  let summary = "Comparison <, elementwise";
  let description = [{
    `result[i] = x[i] < y[i]`; false when either is NaN.

    Constraints:
    - (C1) type(x) = type(y)
    - (C2) shape(result) = shape(x), a bool tensor
  }];
}
