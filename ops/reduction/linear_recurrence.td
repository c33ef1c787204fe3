// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LinearRecurrenceOp : Kiln_Op<"linear_recurrence", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$a, Kiln_Float:$b, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let library = 1;
  let sweep = "custom";
  let example = [{{"a": [0.5, 0.5, 0.5], "b": [1, 1, 1]} }];
  let summary = "First-order linear recurrence along an axis";
  let description = [{
    `result[i] = a[i] * result[i - 1] + b[i]` along `axis`, beginning with `result[0] = b[0]`; from the end when `reverse`.
    Running sums and products, exponential averages and diagonal state spaces are of this form, and so are their
    derivatives.

    Constraints:
    - (C1) type(a) = type(b) = type(result)
    - (C2) axis in [-rank, rank)
  }];
}
