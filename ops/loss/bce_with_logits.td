// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BceWithLogitsOp : Kiln_Op<"bce_with_logits", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$logits, Kiln_Float:$target, DefaultValuedAttr<F64Attr, "1.0">:$pos_weight, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<64>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"logits": [2, -1, 0], "target": [1, 1, 0.5], "reduction": "none"} }];
  let summary = "Binary cross entropy of logits";
  let description = [{
    `pos_weight * target * log(1 + exp(-logits)) + (1 - target) * log(1 + exp(logits))`, reduced; stable for logits of any size (torch.nn.BCEWithLogitsLoss). Targets are probabilities; others are not refused.

    Constraints:
    - (C1) type(logits) = type(target)
    - (C2) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
  }];
}
