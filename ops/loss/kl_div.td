// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_KlDivOp : Kiln_Op<"kl_div", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$input, Kiln_Float:$target, DefaultValuedAttr<BoolAttr, "false">:$log_target, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"input": [[-0.5, -1], [-2, -0.25]], "target": [[0.5, 0.5], [0, 1]], "reduction": "batchmean"} }];
  let summary = "Kullback-Leibler divergence";
  let description = [{
    `target * (log(target) - input)`, 0 of `target * log(target)` where target is 0, reduced; input holds log-probabilities. With log_target, target does too: `exp(target) * (target - input)` (torch.nn.KLDivLoss). The mean is over all elements; `batchmean` divides the sum by the length of the first axis, which is the divergence of a batch of distributions.

    Constraints:
    - (C1) type(input) = type(target)
    - (C2) reduction is none (result of the shape of the losses), mean, sum or batchmean (result of rank 0); the mean of nothing is NaN
    - (C3) batchmean needs rank 1 or more
  }];
}
