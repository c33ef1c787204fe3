// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdagradOp : Kiln_Op<"adagrad", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$square_sum, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.0">:$learning_rate_decay, DefaultValuedAttr<F64Attr, "1e-10">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_square_sum);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "square_sum": [0, 3], "step": 1, "learning_rate": 0.1} }];
  let summary = "Adagrad step";
  let description = [{
    `g = gradient + weight_decay * parameter; s = square_sum + g g; new_parameter = parameter - learning_rate / (1 + (step - 1) * learning_rate_decay) * g / (sqrt(s) + epsilon)`, new_square_sum is s (torch.optim.Adagrad; Duchi, Hazan and Singer, JMLR 2011).

    Constraints:
    - (C1) gradient and square_sum are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
  }];
}
