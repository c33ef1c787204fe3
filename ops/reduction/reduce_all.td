// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceAllOp : Kiln_Op<"reduce_all", "reduction", [Pure]> {
  let arguments = (ins Kiln_Bool:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Bool:$result);
  let derivative = NotDifferentiable<"a bool has no derivative">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[true, false], [true, true]], "axes": [1]} }];
  let summary = "True where all elements over axes are";
  let description = [{
    True when every element over `axes` is; true for no elements.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
