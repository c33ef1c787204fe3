// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SgdOp : Kiln_Op<"sgd", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Float:$learning_rate, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$result);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<8>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [1, 2], "gradient": [0.5, -1], "learning_rate": 0.1} }];
  let summary = "Stochastic gradient descent step";
  let description = [{
    `g = gradient + weight_decay * parameter; result = parameter - learning_rate * g` (torch.optim.SGD).

    Constraints:
    - (C1) type(gradient) = type(parameter) = type(result)
    - (C2) learning_rate has rank 0 and the same dtype
  }];
}
