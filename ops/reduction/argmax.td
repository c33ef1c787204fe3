// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ArgmaxOp : Kiln_Op<"argmax", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, I64Attr:$axis, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Index:$result);
  let derivative = NotDifferentiable<"its result is an index">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"x": [[3, 9, 2], [8, 1, 8]], "axis": -1} }];
  let summary = "Index of the largest value along an axis";
  let description = [{
    An i64 tensor of the first index that holds the largest value; a NaN counts as larger than every number. When an axis of symbolic length is empty in a run, 0.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) the axis is not known to be empty
    - (C3) dtype(result) = i64
  }];
}
