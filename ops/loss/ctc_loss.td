// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CtcLossOp : Kiln_Op<"ctc_loss", "loss", [NoMemoryEffect]> {
  let arguments = (ins Kiln_WideFloat:$log_probabilities, Kiln_Index:$labels, Kiln_Index:$input_lengths, Kiln_Index:$label_lengths, DefaultValuedAttr<I64Attr, "0">:$blank, DefaultValuedAttr<BoolAttr, "false">:$zero_infinity);
  let results = (outs Kiln_WideFloat:$result, Kiln_WideFloat:$log_alpha);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let library = 1;
  let mayFault = 1;
  let example = [{{"log_probabilities": [[[-0.5, -1]], [[-1, -0.5]], [[-0.5, -1]]], "labels": [[1]], "input_lengths": [3], "label_lengths": [1]} }];
  let summary = "Connectionist temporal classification";
  let description = [{
    The negative log of the probability of all paths that give the labels once repeats are merged and blanks removed (Graves et al., ICML 2006; torch.nn.CTCLoss with reduction none): result [batch], and log_alpha [batch, time, 2 * length + 1], the log-probabilities of the prefixes of paths, which the gradient reads (0 beyond the lengths). Log-probabilities are normalized over the classes. Labels differ from the blank. Labels that no path gives have loss inf, or 0 (without a gradient) with zero_infinity.

    Constraints:
    - (C1) log_probabilities is [time, batch, classes]
    - (C2) labels is [batch, length]; the lengths are [batch], of the dtype of labels
    - (C3) 0 <= blank; a blank, label or length out of range ends the run with KILN-R0030
  }];
}
