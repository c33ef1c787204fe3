// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomBernoulliOp : Kiln_Op<"random_bernoulli", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Float:$probability, I64Attr:$op_id, TypeAttr:$dtype);
  let results = (outs Kiln_Any:$result);
  let derivative = NotDifferentiable<"a draw is not differentiable in its probability">;
  let tolerance = Exact;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Random zeros and ones";
  let example = [{{"state": [42, 3], "op_id": 7, "probability": [0.1, 0.5, 0.9], "dtype": "bool"} }];
  let description = [{
    `result[i] = u[i] < probability[i]`, as 1 or 0 of `dtype`; u is random_uniform on [0, 1) with the same state and op_id, in f64 for f64 probabilities and in f32 for others, so a probability is met to within 2^-24 (2^-53). NaN gives 0.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) shape(result) = shape(probability), dtype(result) = dtype
  }];
}
