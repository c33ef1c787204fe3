// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceMinOp : Kiln_Op<"reduce_min", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Numeric:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[3, 1, 2], [4, 6, 5]], "axes": [1]} }];
  let summary = "Smallest value over axes";
  let description = [{
    The smallest value over `axes`; NaN when one is; the highest value (inf) for no elements. The gradient is shared equally
    by all places that hold the smallest value.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
