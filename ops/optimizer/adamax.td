// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdamaxOp : Kiln_Op<"adamax", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$first_moment, Kiln_Float:$infinity_norm, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.999">:$beta2, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_first_moment, Kiln_Float:$new_infinity_norm);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "first_moment": [0, 0], "infinity_norm": [0, 4], "step": 1, "learning_rate": 0.1} }];
  let summary = "Adamax step";
  let description = [{
    `g = gradient + weight_decay * parameter; m = beta1 first_moment + (1 - beta1) g; u = max(beta2 infinity_norm, |g| + epsilon); new_parameter = parameter - learning_rate / (1 - beta1^step) * m / u` (torch.optim.Adamax; Kingma and Ba, ICLR 2015).

    Constraints:
    - (C1) gradient, first_moment and infinity_norm are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
  }];
}
