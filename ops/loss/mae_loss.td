// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MaeLossOp : Kiln_Op<"mae_loss", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$prediction, Kiln_Float:$target, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<16>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"prediction": [0.5, -2, 3], "target": [1, 0, 2.5]} }];
  let summary = "Absolute error";
  let description = [{
    `|prediction - target|`, reduced (torch.nn.L1Loss).

    Constraints:
    - (C1) type(prediction) = type(target)
    - (C2) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
  }];
}
