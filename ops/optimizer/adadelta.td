// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdadeltaOp : Kiln_Op<"adadelta", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$square_average, Kiln_Float:$delta_average, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$rho, DefaultValuedAttr<F64Attr, "1e-6">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_square_average, Kiln_Float:$new_delta_average);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<32>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "square_average": [0, 1], "delta_average": [0, 1], "learning_rate": 1} }];
  let summary = "Adadelta step";
  let description = [{
    `g = gradient + weight_decay * parameter; s = rho square_average + (1 - rho) g g; d = sqrt(delta_average + epsilon) / sqrt(s + epsilon) * g; new_delta_average = rho delta_average + (1 - rho) d d; new_parameter = parameter - learning_rate * d`, new_square_average is s (torch.optim.Adadelta; Zeiler, 2012).

    Constraints:
    - (C1) gradient and averages are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
  }];
}
