// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_DetOp : Kiln_Op<"det", "linalg", [Pure]> {
  let arguments = (ins Kiln_WideFloat:$a);
  let results = (outs Kiln_WideFloat:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<256>;
  let composite = 1;
  let sweep = "custom";
  let example = [{{"a": [[1, 2], [3, 4]]} }];
  let summary = "Determinant of matrices";
  let description = [{
    The determinant, by LU decomposition; the matrices are the last two axes, the others a batch. 1 for a matrix of no rows.
    The gradient is `result * inverse(a)^T`, which is NaN for a singular matrix.

    Constraints:
    - (C1) a has two or more axes, and the last two are equal
    - (C2) result has the shape of a without its last two axes, and its dtype
  }];
}
