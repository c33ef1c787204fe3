// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CrossEntropyOp : Kiln_Op<"cross_entropy", "loss", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Float:$logits, Kiln_Index:$labels, Variadic<Kiln_Float>:$weights, DefaultValuedAttr<F64Attr, "0.0">:$label_smoothing, DefaultValuedAttr<I64Attr, "-100">:$ignore_index, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let mayFault = 1;
  let example = [{{"logits": [[1, 2, 0.5], [0, -1, 3], [0, 0, 0]], "labels": [1, 2, -100], "weights": [], "label_smoothing": 0.1, "reduction": "none"} }];
  let summary = "Cross entropy of logits and class numbers, with weights and smoothed labels";
  let description = [{
    With `l = log_softmax(logits)` over the last axis and s = label_smoothing: `-(1 - s) * weights[labels[..]] * l[.., labels[..]] - s / classes * sum(weights * l[.., :])`, reduced; weights are 1 when absent (torch.nn.CrossEntropyLoss, whose classes are axis 1). Elements with label ignore_index count nothing: their loss is 0. The mean is `sum(losses) / sum(weights[label])` over the others. Any other label outside [0, classes) ends the run with KILN-R0030.

    Constraints:
    - (C1) shape(labels) = shape(logits) without its last axis, the classes
    - (C2) at most one weights: dtype(logits), [classes]
    - (C3) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
    - (C4) label_smoothing is in [0, 1]
  }];
}
