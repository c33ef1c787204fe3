// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SoftmaxCrossEntropyDenseOp : Kiln_Op<"softmax_cross_entropy_dense", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$logits, Kiln_Float:$labels);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"logits": [[1, 2, 3]], "labels": [[0.1, 0.2, 0.7]]} }];
  let summary = "Cross entropy of logits and class probabilities";
  let description = [{
    `result[..] = -sum(labels[.., :] * log_softmax(logits)[.., :])` over the last axis.

    Constraints:
    - (C1) type(labels) = type(logits)
    - (C2) shape(result) = shape(logits) without its last axis
  }];
}
