// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SmoothL1Op : Kiln_Op<"smooth_l1", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$prediction, Kiln_Float:$target, DefaultValuedAttr<F64Attr, "1.0">:$beta, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<16>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"prediction": [0.5, -2, 3], "target": [1, 0, 2.5], "beta": 2, "reduction": "none"} }];
  let summary = "Smooth absolute error";
  let description = [{
    With `d = |prediction - target|`: `d^2 / (2 beta)` where `d < beta`, else `d - beta / 2`, reduced; `beta = 0` gives d (torch.nn.SmoothL1Loss).

    Constraints:
    - (C1) type(prediction) = type(target)
    - (C2) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
    - (C3) beta >= 0
  }];
}
