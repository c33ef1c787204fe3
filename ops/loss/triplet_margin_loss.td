// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TripletMarginLossOp : Kiln_Op<"triplet_margin_loss", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$anchor, Kiln_Float:$positive, Kiln_Float:$negative, DefaultValuedAttr<F64Attr, "1.0">:$margin, DefaultValuedAttr<F64Attr, "2.0">:$p, DefaultValuedAttr<F64Attr, "1e-6">:$epsilon, DefaultValuedAttr<BoolAttr, "false">:$swap, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"anchor": [[0, 0]], "positive": [[3, 4]], "negative": [[0, 5.5]], "reduction": "none"} }];
  let summary = "Triplet loss: the positive is nearer to the anchor than the negative";
  let description = [{
    With distances `d(x, y) = sum(|x - y + epsilon|^p)^(1/p)` over the last axis: `max(0, d(anchor, positive) - d(anchor, negative) + margin)`, reduced; with swap, the smaller of d(anchor, negative) and d(positive, negative) is subtracted (torch.nn.TripletMarginLoss).

    Constraints:
    - (C1) the three have one type, of rank 1 or more
    - (C2) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
    - (C3) p > 0
  }];
}
