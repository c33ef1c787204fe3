// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceMeanOp : Kiln_Op<"reduce_mean", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Float:$result);
  let derivative = Linear<["x"]>;
  let tolerance = SumUlp<3>;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"x": [[1, 2, 3], [4, 5, 6]], "axes": [1]} }];
  let summary = "Mean over axes";
  let description = [{
    The sum over `axes` divided by their length; NaN for no elements.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
