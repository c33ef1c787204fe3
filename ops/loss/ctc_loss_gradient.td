// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CtcLossGradientOp : Kiln_Op<"ctc_loss_gradient", "loss", [NoMemoryEffect]> {
  let arguments = (ins Kiln_WideFloat:$log_probabilities, Kiln_Index:$labels, Kiln_Index:$input_lengths, Kiln_Index:$label_lengths, Kiln_WideFloat:$log_alpha, DefaultValuedAttr<I64Attr, "0">:$blank, DefaultValuedAttr<BoolAttr, "false">:$zero_infinity);
  let results = (outs Kiln_WideFloat:$result, Kiln_WideFloat:$log_beta);
  let derivative = NotDifferentiable<"second derivatives of the CTC loss are not provided">;
  let tolerance = Ulp<1024>;
  let customBuilder = 1;
  let sweep = "custom";
  let library = 1;
  let mayFault = 1;
  let example = [{{"log_probabilities": [[[-0.5, -1]], [[-1, -0.5]]], "labels": [[1]], "input_lengths": [2], "label_lengths": [1], "log_alpha": [[[-0.5, -1, 0], [-1.5, -0.5, -2]]]} }];
  let summary = "Gradient of the CTC loss";
  let description = [{
    d loss[n] / d log_probabilities[t, n, c] as result [time, batch, classes], from log_alpha of ctc_loss: minus the probability that a path for the labels is at c at time t; 0 beyond the lengths, and NaN for an infinite loss without zero_infinity. log_beta is the backward counterpart of log_alpha, and is scratch.

    Constraints:
    - (C1) log_probabilities is [time, batch, classes]
    - (C2) labels is [batch, length]; the lengths are [batch], of the dtype of labels
    - (C3) 0 <= blank; a blank, label or length out of range ends the run with KILN-R0030
    - (C4) log_alpha is [batch, time, 2 * length + 1]
  }];
}
