// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TileOp : Kiln_Op<"tile", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DenseI64ArrayAttr:$repeats);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let sweep = "custom";
  let summary = "Copies of a tensor side by side";
  let example = [{{"x": [[1, 2]], "repeats": [2, 2]} }];
  let description = [{
    `result[i..] = x[i mod shape(x) ..]`: x repeated `repeats` times along each axis (ONNX Tile).

    Constraints:
    - (C1) repeats has an entry for each axis of x, none negative
    - (C2) dim(result) = dim(x) * repeats
  }];
}
