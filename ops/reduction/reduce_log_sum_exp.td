// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceLogSumExpOp : Kiln_Op<"reduce_log_sum_exp", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[1000, 1000], [0, 1]], "axes": [1]} }];
  let summary = "Logarithm of the sum of exponentials over axes";
  let description = [{
    `log(sum(exp(x)))` over `axes`, computed as `m + log(sum(exp(x - m)))` with the largest element m, so that nothing
    overflows. -inf when all elements are -inf, and for no elements; inf when one is inf. The gradient is `exp(x - result)`,
    0 for elements of -inf.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
  }];
}
