// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ArgminOp : Kiln_Op<"argmin", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Index:$result);
  let derivative = NotDifferentiable<"its result is an index">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[3, 1, 1], [4, 0, 5]], "axis": 1} }];
  let summary = "Index of the smallest value along an axis";
  let description = [{
    An i64 tensor of the first index that holds the smallest value; a NaN counts as smaller than every number. When an axis
    of symbolic length is empty in a run, 0.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) the axis is not known to be empty
    - (C3) dtype(result) = i64
  }];
}
