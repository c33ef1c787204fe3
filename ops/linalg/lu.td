// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LuOp : Kiln_Op<"lu", "linalg", [NoMemoryEffect]> {
  let arguments = (ins Kiln_WideFloat:$a, DefaultValuedAttr<BoolAttr, "true">:$allow_singular);
  let results = (outs Kiln_WideFloat:$factors, Kiln_Index:$pivots, Kiln_Index:$permutation);
  let derivative = RuleInCpp;
  let tolerance = Ulp<256>;
  let library = 1;
  let mayFault = 1;
  let sweep = "custom";
  let example = [{{"a": [[1, 2], [4, 6]]} }];
  let summary = "LU decomposition with partial pivoting";
  let description = [{
    `L U` equals a with its rows permuted: row i of the product is row `permutation[i]` of a. `factors` holds U in its upper
    triangle with the diagonal, and below it L, whose diagonal is ones. `pivots` (i64) says with which row each row was
    exchanged in turn, so the sign of the permutation is -1 to the number of i with `pivots[i] != i`. The pivot is the
    largest magnitude of its column, the first among equals. The matrices are the last two axes, the others a batch.
    A singular matrix has a zero on the diagonal of U, or ends the run with KILN-R0033 when not `allow_singular`; its
    factors have no derivative.

    Constraints:
    - (C1) a has two or more axes, and the last two are equal
    - (C2) type(factors) = type(a)
    - (C3) pivots and permutation have the shape of a without its last axis, and dtype i64
  }];
}
