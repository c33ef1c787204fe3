// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BroadcastOp : Kiln_Op<"broadcast", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Shape:$shape);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Repeats axes of length 1";
  let example = [{{"x": [1, 2, 3], "shape": [2, 3]} }];
  let description = [{
    Axes are matched from the last; x may have fewer axes than shape, and its axes of static length 1 are repeated (ONNX Expand, one way).

    Constraints:
    - (C1) shape(result) is the value of shape
    - (C2) each axis of x is 1 or equal to that of the result
  }];
}
