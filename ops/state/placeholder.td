// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_PlaceholderOp : Kiln_Op<"placeholder", "state", [Pure]> {
  let arguments = (ins TypeAttr:$dtype, Kiln_ShapeAttr:$shape);
  let results = (outs Kiln_Any:$result);
  let derivative = NotDifferentiable<"it is where values enter a graph">;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "A value fed at each run";
  let description = [{
    The caller feeds a tensor of this type; symbolic dims take their values from the fed shapes.

    Constraints:
    - (C1) dtype(result) = dtype, shape(result) = shape
  }];
}
