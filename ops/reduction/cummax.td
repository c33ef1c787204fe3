// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CummaxOp : Kiln_Op<"cummax", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<BoolAttr, "false">:$exclusive, DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Kiln_Numeric:$values, Kiln_Index:$indices);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let library = 1;
  let sweep = "custom";
  let example = [{{"x": [1, 3, 2]} }];
  let summary = "Running largest along an axis, and where it is";
  let description = [{
    `values[i]` is the largest of `x[0] ... x[i]` along `axis`, and `indices[i]` (i64) where it is: the latest place among
    equals, counted as the running one is met. Without x[i] when `exclusive`; the first is then the lowest value (-inf), with index -1.
    From the end when `reverse`. NaN counts as larger than every number. The gradient goes to the places in indices.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) type(values) = type(x); indices has the shape of x and dtype i64
  }];
}
