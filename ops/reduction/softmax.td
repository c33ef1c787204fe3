// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SoftmaxOp : Kiln_Op<"softmax", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DefaultValuedAttr<I64Attr, "-1">:$axis);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<16>;
  let composite = 1;
  let example = [{ {"x": [1, 2, 3]} }];
  let summary = "Softmax along an axis";
  let description = [{
    `exp(x - max) / sum(exp(x - max))` along `axis`.

    Constraints:
    - (C1) type(result) = type(x)
    - (C2) axis in [-rank, rank)
  }];
}
