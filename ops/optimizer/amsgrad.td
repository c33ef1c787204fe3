// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AmsgradOp : Kiln_Op<"amsgrad", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$first_moment, Kiln_Float:$second_moment, Kiln_Float:$max_second_moment, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.999">:$beta2, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_first_moment, Kiln_Float:$new_second_moment, Kiln_Float:$new_max_second_moment);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "first_moment": [0, 0], "second_moment": [0, 0], "max_second_moment": [0, 1], "step": 1, "learning_rate": 0.1} }];
  let summary = "AMSGrad step";
  let description = [{
    The step of adam with `new_max_second_moment = max(max_second_moment, new_second_moment)` in the place of the second moment in the denominator (torch.optim.Adam with amsgrad; Reddi, Kale and Kumar, ICLR 2018).

    Constraints:
    - (C1) gradient and moments are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
  }];
}
