// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TriangularSolveOp : Kiln_Op<"triangular_solve", "linalg", [Pure]> {
  let arguments = (ins Kiln_WideFloat:$a, Kiln_WideFloat:$b, DefaultValuedAttr<BoolAttr, "true">:$lower, DefaultValuedAttr<BoolAttr, "false">:$transpose_a, DefaultValuedAttr<BoolAttr, "false">:$unit_diagonal);
  let results = (outs Kiln_WideFloat:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<256>;
  let library = 1;
  let sweep = "custom";
  let example = [{{"a": [[2, 0], [1, 4]], "b": [[2], [9]]} }];
  let summary = "Solves equations with a triangular matrix";
  let description = [{
    The x for which `op(a) x = b`, with `op(a)` the lower triangle of a (the upper one when not `lower`), transposed when
    `transpose_a`, and its diagonal taken as ones when `unit_diagonal`. The matrices are the last two axes, the others a
    batch. What lies in the other triangle is not read. A zero on the diagonal gives inf or NaN.

    Constraints:
    - (C1) a has two or more axes, and the last two are equal
    - (C2) b has the dtype, the batch and the number of rows of a
    - (C3) type(result) = type(b)
  }];
}
