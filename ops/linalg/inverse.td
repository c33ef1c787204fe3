// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_InverseOp : Kiln_Op<"inverse", "linalg", [NoMemoryEffect]> {
  let arguments = (ins Kiln_WideFloat:$a, DefaultValuedAttr<BoolAttr, "false">:$allow_singular);
  let results = (outs Kiln_WideFloat:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<256>;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let example = [{{"a": [[2, 0], [0, 4]]} }];
  let summary = "Inverse of matrices";
  let description = [{
    The matrix whose product with a is the identity, by LU decomposition; the matrices are the last two axes, the others a
    batch. A singular matrix ends the run with KILN-R0033, or gives inf and NaN when `allow_singular`. To solve equations,
    solve is faster and more accurate.

    Constraints:
    - (C1) a has two or more axes, and the last two are equal
    - (C2) type(result) = type(a)
  }];
}
