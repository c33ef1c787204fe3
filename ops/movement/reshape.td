// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReshapeOp : Kiln_Op<"reshape", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Shape:$shape);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "The same elements with another shape";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "shape": [3, 2]} }];
  let description = [{
    Row-major order is kept.

    Constraints:
    - (C1) shape(result) is the value of shape
    - (C2) result has as many elements as x
  }];
}
