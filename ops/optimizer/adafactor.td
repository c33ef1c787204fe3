// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdafactorOp : Kiln_Op<"adafactor", "optimizer", [Pure]> {
  let arguments = (ins Kiln_Float:$parameter, Kiln_Float:$gradient, Kiln_Index:$step, Kiln_Float:$learning_rate, Variadic<Kiln_Float>:$state, DefaultValuedAttr<F64Attr, "-0.8">:$beta2_decay, DefaultValuedAttr<F64Attr, "0.0">:$epsilon1, DefaultValuedAttr<F64Attr, "1e-3">:$epsilon2, DefaultValuedAttr<F64Attr, "1.0">:$clip_threshold, DefaultValuedAttr<F64Attr, "0.0">:$weight_decay);
  let results = (outs Kiln_Float:$new_parameter, Variadic<Kiln_Float>:$new_state);
  let derivative = NotDifferentiable<"an optimizer step is not differentiated">;
  let tolerance = Ulp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let composite = 1;
  let example = [{{"parameter": [[3, 4], [0, 0]], "gradient": [[1, 2], [2, 4]], "step": 1, "learning_rate": 0.5, "state": [[[0], [0]], [[0, 0]]]} }];
  let summary = "Adafactor step";
  let description = [{
    torch.optim.Adafactor (Shazeer and Stern, ICML 2018). With `k = step^beta2_decay` and rms the root of the mean square: for rank 2 and up the state is row_variance [.., rows, 1] and column_variance [.., 1, columns], averages `(1 - k) old + k mean(gradient^2)` over the last and the last but one axis, and `V = row_variance * column_variance / max(mean(row_variance over rows), epsilon1)`; else the state is variance, of the type of parameter, and V its average. `u = gradient / sqrt(max(V, epsilon1^2)); a = max(epsilon2, rms(parameter)) * min(learning_rate, 1 / sqrt(step)); new_parameter = parameter * (1 - learning_rate * weight_decay) - a * u / max(1, rms(u) / clip_threshold)`, a from the parameter before its decay. epsilon1 = 0 stands for the machine epsilon of the dtype.

    Constraints:
    - (C1) gradient has the type of parameter, whose shape is of numbers
    - (C2) learning_rate has rank 0 and the same dtype
    - (C3) step is an i64 of rank 0, at least 1
    - (C4) state is as the description says
  }];
}
