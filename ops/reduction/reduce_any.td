// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceAnyOp : Kiln_Op<"reduce_any", "reduction", [Pure]> {
  let arguments = (ins Kiln_Bool:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Bool:$result);
  let derivative = NotDifferentiable<"a bool has no derivative">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[true, false], [false, false]], "axes": [1]} }];
  let summary = "True where any element over axes is";
  let description = [{
    True when at least one element over `axes` is; false for no elements.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
