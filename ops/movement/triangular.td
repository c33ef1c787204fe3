// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TriangularOp : Kiln_Op<"triangular", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DefaultValuedAttr<BoolAttr, "false">:$upper, DefaultValuedAttr<I64Attr, "0">:$k);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let sweep = "custom";
  let summary = "A triangle of the last two axes, zero elsewhere";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "upper": false} }];
  let description = [{
    The elements with `j <= i + k` (upper = false), or `j >= i + k` (upper = true), of the matrices x[.., i, j]; the others are zero or false (numpy.tril, numpy.triu). k counts diagonals upward from the main one.

    Constraints:
    - (C1) rank(x) >= 2
    - (C2) type(result) = type(x)
  }];
}
