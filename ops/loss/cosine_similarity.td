// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CosineSimilarityOp : Kiln_Op<"cosine_similarity", "loss", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$y, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"x": [[1, 0], [1, 1]], "y": [[1, 1], [-2, -2]]} }];
  let summary = "Cosine of the angle between vectors";
  let description = [{
    `sum(x * y) / (max(norm(x), epsilon) * max(norm(y), epsilon))` along an axis, which vanishes (torch.nn.CosineSimilarity).

    Constraints:
    - (C1) type(x) = type(y)
    - (C2) -rank(x) <= axis < rank(x)
    - (C3) epsilon >= 0
  }];
}
