// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdamwOp : Kiln_Op<"adamw", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$first_moment, Kiln_Float:$second_moment, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.999">:$beta2, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon, DefaultValuedAttr<F64Attr, "0.01">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_first_moment, Kiln_Float:$new_second_moment);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "first_moment": [0, 0], "second_moment": [0, 0], "step": 1, "learning_rate": 0.1} }];
  let summary = "AdamW step";
  let description = [{
    `p = parameter * (1 - learning_rate * weight_decay)`, then the step of adam without weight decay from p (torch.optim.AdamW; Loshchilov and Hutter, ICLR 2019).

    Constraints:
    - (C1) gradient and moments are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
  }];
}
