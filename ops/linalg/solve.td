// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SolveOp : Kiln_Op<"solve", "linalg", [NoMemoryEffect]> {
  let arguments = (ins Kiln_WideFloat:$a, Kiln_WideFloat:$b, DefaultValuedAttr<BoolAttr, "false">:$allow_singular);
  let results = (outs Kiln_WideFloat:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<256>;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let example = [{{"a": [[2, 1], [1, 3]], "b": [[3], [5]]} }];
  let summary = "Solves linear equations";
  let description = [{
    The x for which `a x = b`, by LU decomposition; the matrices are the last two axes, the others a batch. A singular
    matrix ends the run with KILN-R0033, or gives inf and NaN when `allow_singular`.

    Constraints:
    - (C1) a has two or more axes, and the last two are equal
    - (C2) b has the dtype, the batch and the number of rows of a
    - (C3) type(result) = type(b)
  }];
}
