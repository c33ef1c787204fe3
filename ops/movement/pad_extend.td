// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_PadExtendOp : Kiln_Op<"pad_extend", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, DefaultValuedStrAttr<StrAttr, "reflect">:$mode);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let sweep = "custom";
  let summary = "A border made of the tensor itself";
  let example = [{{"x": [1, 2, 3, 4], "low": [2], "high": [1], "mode": "reflect"} }];
  let description = [{
    `low` elements before and `high` after each axis of x, of the elements of x (numpy.pad, ONNX Pad). `reflect`: mirrored at the first and last element, which are not repeated; `edge`: the first or last element; `wrap`: those of the other end. Axes are taken in order, so corners are borders of borders.

    Constraints:
    - (C1) low and high have an entry for each axis of x, none negative
    - (C2) mode is reflect, edge or wrap
    - (C3) an axis with a border has a fixed length n; low and high are below n (reflect), at most n (wrap); n is at least 1 (edge)
    - (C4) dim(result) = low + dim(x) + high
  }];
}
