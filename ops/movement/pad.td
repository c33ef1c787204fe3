// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_PadOp : Kiln_Op<"pad", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Any:$value, Kiln_Shape:$low, Kiln_Shape:$high, DenseI64ArrayAttr:$interior);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x", "value"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Elements put around and between";
  let example = [{{"x": [1, 2, 3], "value": 0, "low": [1], "high": [2], "interior": [1]} }];
  let description = [{
    `low` and `high` copies of the scalar value before and after, `interior` copies between neighbours, for each axis (as in XLA, without negative amounts). The transpose of slice.

    Constraints:
    - (C1) value has rank 0 and the dtype of x
    - (C2) low, high and interior have an entry for each axis, none negative
    - (C3) dim(result) = low + high + n + (n - 1) * interior for n > 0
  }];
}
