// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceSumSquareOp : Kiln_Op<"reduce_sum_square", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<8>;
  let composite = 1;
  let sweep = "custom";
  let example = [{ {"x": [[1, 2], [3, 4]], "axes": [1]} }];
  let summary = "Sum of the squares over axes";
  let description = [{
    `sum(x * x)` over `axes`; 0 for no elements. The squares are taken in the type of x (halves: in f32).

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
