// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_IotaOp : Kiln_Op<"iota", "indexing", [Pure]> {
  let arguments = (ins Kiln_Shape:$shape, I64Attr:$axis, TypeAttr:$dtype);
  let results = (outs Kiln_Numeric:$result);
  let derivative = NotDifferentiable<"it depends on nothing">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Positions along an axis";
  let example = [{{"shape": [2, 3], "axis": 1, "dtype": "i64"} }];
  let description = [{
    `result[i..] = i[axis]`.

    Constraints:
    - (C1) shape(result) is the value of shape
    - (C2) axis in [-rank, rank)
  }];
}
