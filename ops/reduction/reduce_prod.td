// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceProdOp : Kiln_Op<"reduce_prod", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Numeric:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "axes": [1]} }];
  let summary = "Product over axes";
  let description = [{
    The product over `axes`; 1 for no elements. Integers wrap around. The gradient is right where elements are zero: it is
    the product of the others.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
