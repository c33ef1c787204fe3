// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SortOp : Kiln_Op<"sort", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<BoolAttr, "false">:$descending);
  let results = (outs Kiln_Numeric:$values, Kiln_Index:$indices);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let library = 1;
  let sweep = "custom";
  let example = [{{"x": [3, 1, 3, 2], "descending": true} }];
  let summary = "Sorts along an axis";
  let description = [{
    The elements of each line along `axis` in ascending order (descending when asked for), and where each came from (i64).
    Equal elements keep their order either way (-0 and 0 are equal). NaN counts as larger than every number.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) type(values) = type(x); indices has the shape of x and dtype i64
  }];
}
