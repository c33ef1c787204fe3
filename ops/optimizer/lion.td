// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LionOp : Kiln_Op<"lion", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$momentum, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.99">:$beta2, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_momentum);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "momentum": [-1, 0], "learning_rate": 0.1} }];
  let summary = "Lion step";
  let description = [{
    `u = sign(beta1 momentum + (1 - beta1) gradient); new_parameter = parameter - learning_rate * (u + weight_decay * parameter); new_momentum = beta2 momentum + (1 - beta2) gradient` (Chen et al., Symbolic discovery of optimization algorithms, 2023).

    Constraints:
    - (C1) gradient and momentum are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
  }];
}
