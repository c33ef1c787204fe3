// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ShapeValueOp : Kiln_Op<"shape_value", "state", [Pure]> {
  let arguments = (ins Kiln_ShapeAttr:$shape);
  let results = (outs Kiln_Shape:$result);
  let derivative = NotDifferentiable<"a shape is made of integers">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"shape": [2, 3]} }];
  let summary = "A shape as a value";
  let description = [{
    The lengths of axes as an i64 vector; symbolic dims take the values they have in the run. Shape operands of reshape, broadcast, slice and pad are made by it.

    Constraints:
    - (C1) shape(result) = [rank(shape)]
  }];
}
