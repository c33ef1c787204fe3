// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_OneHotOp : Kiln_Op<"one_hot", "indexing", [Pure]> {
  let arguments = (ins Kiln_Index:$indices, I64Attr:$depth, TypeAttr:$dtype);
  let results = (outs Kiln_Any:$result);
  let derivative = NotDifferentiable<"its operand is an index">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Rows with a single one";
  let example = [{{"indices": [2, 0, -1], "depth": 3, "dtype": "f32"} }];
  let description = [{
    `result[.., j] = indices[..] == j`, a new last axis of length depth; negative indices count from the end, and a row is all zero when its index is out of range (ONNX OneHot).

    Constraints:
    - (C1) depth >= 1
    - (C2) shape(result) = shape(indices) + [depth], dtype(result) = dtype
  }];
}
