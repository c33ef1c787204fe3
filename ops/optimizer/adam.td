// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdamOp : Kiln_Op<"adam", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$first_moment, Kiln_Float:$second_moment, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.999">:$beta2, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_first_moment, Kiln_Float:$new_second_moment);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "first_moment": [0, 0], "second_moment": [0, 0], "step": 1, "learning_rate": 0.1} }];
  let summary = "Adam step";
  let description = [{
    `g = gradient + weight_decay * parameter; m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g g; new_parameter = parameter - learning_rate / (1 - beta1^step) * m / (sqrt(v) / sqrt(1 - beta2^step) + epsilon)` with step counted from 1 (torch.optim.Adam; Kingma and Ba, ICLR 2015).

    Constraints:
    - (C1) all moments have the type of parameter
    - (C2) step is an i64 of rank 0, at least 1
    - (C3) learning_rate has rank 0 and the same dtype
  }];
}
