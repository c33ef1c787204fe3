// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_GradientsOp : Kiln_Op<"gradients", "control", [Pure]> {
  let arguments = (ins I64Attr:$num_ys, I64Attr:$num_xs, Variadic<Kiln_Any>:$inputs);
  let results = (outs Variadic<Kiln_Float>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "Gradients of ys for xs";
  let description = [{
    inputs are num_ys values to differentiate, num_xs values to differentiate for, then no seeds (each y must be a float scalar; the seed is 1) or num_ys seeds (of the types of the ys). Result i is the sum over the ys of the vector-Jacobian product for x i, and zero where no y depends on it. A compiler pass expands it, to any order.

    Constraints:
    - (C1) type(result i) = type(x i)
    - (C2) every y and x is a float tensor
    - (C3) type(seed i) = type(y i)
  }];
}
