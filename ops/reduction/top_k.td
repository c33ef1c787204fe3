// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TopKOp : Kiln_Op<"top_k", "reduction", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Numeric:$x, I64Attr:$k, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<BoolAttr, "true">:$largest);
  let results = (outs Kiln_Numeric:$values, Kiln_Index:$indices);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let library = 1;
  let mayFault = 1;
  let sweep = "custom";
  let example = [{{"x": [3, 1, 4, 1, 5], "k": 2} }];
  let summary = "The k largest or smallest along an axis";
  let description = [{
    The k largest elements of each line along `axis` in descending order, or the k smallest in ascending order when not
    `largest`, and where each came from (i64). Among equals those with lower indices come first. NaN counts as larger than
    every number. An axis of symbolic length that is shorter than k in a run ends it with KILN-R0030.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) 0 <= k, and k is not known to be more than the length of the axis
    - (C3) values has the dtype of x and its shape with length k along the axis; indices has that shape and dtype i64
  }];
}
