// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceL1Op : Kiln_Op<"reduce_l1", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<3>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[1, -2], [3, 4]], "axes": [1]} }];
  let summary = "Sum of magnitudes over axes";
  let description = [{
    `sum(|x|)` over `axes`; 0 for no elements.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
