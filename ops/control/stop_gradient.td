// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_StopGradientOp : Kiln_Op<"stop_gradient", "control", [Pure]> {
  let arguments = (ins Kiln_Any:$x);
  let results = (outs Kiln_Any:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let sweep = "custom";
  let example = [{{"x": [1, 2]} }];
  let summary = "x, a constant to every derivative";
  let description = [{
    `result = x`; gradients and tangents that would pass through it are zero.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
