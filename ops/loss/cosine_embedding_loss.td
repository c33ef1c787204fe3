// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CosineEmbeddingLossOp : Kiln_Op<"cosine_embedding_loss", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$y, Kiln_Index:$labels, DefaultValuedAttr<F64Attr, "0.0">:$margin, DefaultValuedStrAttr<StrAttr, "mean">:$reduction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"x": [[1, 0], [1, 0]], "y": [[1, 1], [1, 1]], "labels": [1, -1], "margin": 0.5, "reduction": "none"} }];
  let summary = "Cosine distance of pairs that belong together or do not";
  let description = [{
    With c the cosine of x and y over the last axis, `sum(x * y) / sqrt((sum(x * x) + 1e-12) * (sum(y * y) + 1e-12))`: `1 - c` where the label is 1, `max(0, c - margin)` where it is -1, and 0 for other labels; reduced (torch.nn.CosineEmbeddingLoss).

    Constraints:
    - (C1) type(x) = type(y)
    - (C2) shape(labels) = shape(x) without its last axis
    - (C3) reduction is none (result of the shape of the losses), mean or sum (result of rank 0); the mean of nothing is NaN
  }];
}
