// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MomentumOp : Kiln_Op<"momentum", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$velocity, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$momentum, DefaultValuedAttr<BoolAttr, "false">:$nesterov, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_velocity);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<8>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "velocity": [2, 0], "learning_rate": 0.1, "nesterov": true} }];
  let summary = "Gradient descent step with momentum";
  let description = [{
    `g = gradient + weight_decay * parameter; new_velocity = momentum * velocity + g; new_parameter = parameter - learning_rate * (nesterov ? g + momentum * new_velocity : new_velocity)` (torch.optim.SGD with momentum).

    Constraints:
    - (C1) all tensors have the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
  }];
}
