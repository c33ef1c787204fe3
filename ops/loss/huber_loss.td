// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_HuberLossOp : Kiln_Op<"huber_loss", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$prediction, Kiln_Float:$target, DefaultValuedAttr<F64Attr, "1.0">:$delta, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<16>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"prediction": [0.5, -2, 3], "target": [1, 0, 2.5], "reduction": "none"} }];
  let summary = "Huber loss";
  let description = [{
    With `d = |prediction - target|`: `d^2 / 2` where `d <= delta`, else `delta * (d - delta / 2)`, reduced (torch.nn.HuberLoss; Huber, Robust estimation of a location parameter, 1964).

    Constraints:
    - (C1) type(prediction) = type(target)
    - (C2) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
    - (C3) delta > 0
  }];
}
