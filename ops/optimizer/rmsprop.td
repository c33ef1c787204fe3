// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RmspropOp : Kiln_Op<"rmsprop", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$learning_rate, Variadic<Kiln_Float>:$state, DefaultValuedAttr<F64Attr, "0.99">:$alpha, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay, DefaultValuedAttr<F64Attr, "0.0">:$momentum, DefaultValuedAttr<BoolAttr, "false">:$centered);
  let results = (outs Kiln_Float:$new_parameter, Variadic<Kiln_Float>:$new_state);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "learning_rate": 0.1, "state": [[1, 1], [0, 0.5]], "alpha": 0.5, "momentum": 0.5} }];
  let summary = "RMSprop step";
  let description = [{
    `g = gradient + weight_decay * parameter; s = alpha square_average + (1 - alpha) g g; d = g / (sqrt(s) + epsilon)`, where centered `a = alpha gradient_average + (1 - alpha) g; d = g / (sqrt(s - a a) + epsilon)`. Then `new_parameter = parameter - learning_rate * d`, or with momentum above 0 `v = momentum * velocity + d; new_parameter = parameter - learning_rate * v` (torch.optim.RMSprop; Tieleman and Hinton, lecture 6.5, 2012). The state is square_average, then gradient_average when centered, then velocity with momentum above 0; new_state likewise.

    Constraints:
    - (C1) gradient and state are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) state has 1 entry, one more when centered, one more with momentum above 0
  }];
}
