// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_NadamProduct : Kiln_TensorOf<[F64], ["f64"], "f64 tensor">;

def Kiln_NadamOp : Kiln_Op<"nadam", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$first_moment, Kiln_Float:$second_moment, Kiln_NadamProduct:$momentum_product, Kiln_Index:$step, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.9">:$beta1, DefaultValuedAttr<F64Attr, "0.999">:$beta2, DefaultValuedAttr<F64Attr, "1e-8">:$epsilon, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay, DefaultValuedAttr<F64Attr, "0.004">:$momentum_decay);
  let results = (outs Kiln_Float:$new_parameter, Kiln_Float:$new_first_moment, Kiln_Float:$new_second_moment);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<32>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "first_moment": [0, 0], "second_moment": [0, 0], "momentum_product": 0.45, "step": 1, "learning_rate": 0.1} }];
  let summary = "NAdam step";
  let description = [{
    With g, m and v as in adam, `mu(t) = beta1 * (1 - 0.96^(t * momentum_decay) / 2)` and M = momentum_product, the product of mu(1) .. mu(step): `new_parameter = parameter - learning_rate * ((1 - mu(step)) / (1 - M) * g + mu(step + 1) / (1 - M * mu(step + 1)) * m) / (sqrt(v / (1 - beta2^step)) + epsilon)` (torch.optim.NAdam; Dozat, 2016).

    Constraints:
    - (C1) gradient and moments are of the type of parameter
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
    - (C4) momentum_product is an f64 of rank 0
  }];
}
