// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_NllLossOp : Kiln_Op<"nll_loss", "loss", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Float:$log_probabilities, Kiln_Index:$labels, Variadic<Kiln_Float>:$weights, DefaultValuedAttr<I64Attr, "-100">:$ignore_index, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let mayFault = 1;
  let example = [{{"log_probabilities": [[-1, -2, -0.5], [-3, -0.25, -4]], "labels": [2, 1], "weights": [[1, 3, 1]]} }];
  let summary = "Negative log likelihood of class numbers";
  let description = [{
    `-weights[labels[..]] * log_probabilities[.., labels[..]]` over the last axis, reduced; weights are 1 when absent (torch.nn.NLLLoss, whose classes are axis 1). Elements with label ignore_index count nothing: their loss is 0. The mean is `sum(losses) / sum(weights[label])` over the others. Any other label outside [0, classes) ends the run with KILN-R0030.

    Constraints:
    - (C1) shape(labels) = shape(log_probabilities) without its last axis, the classes
    - (C2) at most one weights: dtype(log_probabilities), [classes]
    - (C3) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
  }];
}
