// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_DiagonalOp : Kiln_Op<"diagonal", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DefaultValuedAttr<I64Attr, "0">:$offset, DefaultValuedAttr<I64Attr, "0">:$axis1, DefaultValuedAttr<I64Attr, "1">:$axis2);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let sweep = "custom";
  let summary = "The diagonal of two axes";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "offset": 1} }];
  let description = [{
    `result[.., i] = x[.., i + max(-offset, 0), .., i + max(offset, 0), ..]`: axis1 (rows) and axis2 (columns) vanish, and the diagonal is a new last axis (numpy.diagonal). A positive offset is above the main diagonal.

    Constraints:
    - (C1) axis1 and axis2 are in [-rank, rank) and differ
    - (C2) both have fixed lengths; or they have equal symbolic ones and offset is 0
    - (C3) the new axis has the length max(0, min(dim axis1 + min(offset, 0), dim axis2 - max(offset, 0)))
  }];
}
