// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SliceOp : Kiln_Op<"slice", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Shape:$starts, Kiln_Shape:$ends, DenseI64ArrayAttr:$steps);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "A box of elements";
  let example = [{{"x": [0, 1, 2, 3, 4, 5, 6], "starts": [1], "ends": [6], "steps": [2]} }];
  let description = [{
    `result[i..] = x[starts + i * steps ..]` up to and without `ends`; one entry for each axis; steps are at least 1.

    Constraints:
    - (C1) starts, ends and steps have an entry for each axis of x
    - (C2) 0 <= starts <= ends <= shape(x)
    - (C3) dim(result) = ceil((ends - starts) / steps)
  }];
}
