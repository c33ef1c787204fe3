// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TangentsOp : Kiln_Op<"tangents", "control", [Pure]> {
  let arguments = (ins I64Attr:$num_ys, I64Attr:$num_xs, Variadic<Kiln_Any>:$inputs);
  let results = (outs Variadic<Kiln_Float>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "How ys change when xs move along tangents (jvp)";
  let description = [{
    inputs are num_ys values, num_xs values, and a tangent for each x. Result i is the directional derivative of y i when every x
    moves along its tangent; zero where y i depends on no x. A compiler pass expands it, to any order.

    Constraints:
    - (C1) type(result i) = type(y i)
    - (C2) every y and x is a float tensor
    - (C3) type(tangent i) = type(x i)
  }];
}
