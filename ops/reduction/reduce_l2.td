// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceL2Op : Kiln_Op<"reduce_l2", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<8>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[3, 4], [0, 0]], "axes": [1]} }];
  let summary = "Euclidean norm over axes";
  let description = [{
    `sqrt(sum(x * x))` over `axes`; 0 for no elements. The squares are taken in the type of x (halves: in f32), so elements
    beyond the root of its range give inf. The gradient is `x / result`, and 0 where the result is 0.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
