// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceMaxOp : Kiln_Op<"reduce_max", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Numeric:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"x": [[1, 2, 3], [4, 5, 6]], "axes": [1]} }];
  let summary = "Largest value over axes";
  let description = [{
    The largest value over `axes`; NaN when one is; the lowest value (-inf) for no elements. The gradient is shared equally by all places that hold the largest value.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
