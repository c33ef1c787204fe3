// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SoftmaxCrossEntropyOp : Kiln_Op<"softmax_cross_entropy", "reduction", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Float:$logits, Kiln_Index:$labels);
  let results = (outs Kiln_Float:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let composite = 1;
  let mayFault = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{ {"logits": [[1, 2, 3], [3, 2, 1]], "labels": [2, 1]} }];
  let summary = "Cross entropy of logits and class numbers";
  let description = [{
    `result[..] = log(sum(exp(logits[.., :]))) - logits[.., labels[..]]` over the last axis. A label outside [0, classes) ends the run with KILN-R0030.

    Constraints:
    - (C1) shape(labels) = shape(logits) without its last axis
    - (C2) type(result) = that shape with dtype(logits)
  }];
}
