// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceSumOp : Kiln_Op<"reduce_sum", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Numeric:$result);
  let derivative = Linear<["x"]>;
  let tolerance = SumUlp<2>;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"x": [[1, 2, 3], [4, 5, 6]], "axes": [1]} }];
  let summary = "Sum over axes";
  let description = [{
    The sum over `axes`; 0 for no elements. Integers wrap around.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
