// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LambOp : Kiln_Op<"lamb", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$first_moment, Kiln_Float:$second_moment, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.999">:$beta2, DefaultValuedAttr<F64Attr, "1e-6">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_first_moment, Kiln_Float:$new_second_moment);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [3, 4], "gradient": [0.5, -1], "first_moment": [0, 0], "second_moment": [0, 0], "step": 1, "learning_rate": 0.1} }];
  let summary = "LAMB step";
  let description = [{
    `m = beta1 first_moment + (1 - beta1) gradient; v = beta2 second_moment + (1 - beta2) gradient^2; r = m / (1 - beta1^step) / (sqrt(v / (1 - beta2^step)) + epsilon) + weight_decay * parameter; new_parameter = parameter - learning_rate * trust * r` with `trust = norm(parameter) / norm(r)` when both norms are above 0, else 1 (You et al., Large batch optimization for deep learning, ICLR 2020, algorithm 2).

    Constraints:
    - (C1) gradient and moments are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
  }];
}
