// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_JacobianOp : Kiln_Op<"jacobian", "control", [Pure]> {
  let arguments = (ins Kiln_Float:$y, Kiln_Float:$x, BoolAttr:$forward);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "All partial derivatives of y for x";
  let description = [{
    `result[i..., j...] = d y[i...] / d x[j...]`. One derivative for each element of y in reverse mode, for each element of x in
    forward mode, computed together. A compiler pass expands it, to any order.

    Constraints:
    - (C1) y and x are float tensors of the same dtype
    - (C2) shape(result) = shape(y) + shape(x)
  }];
}
