// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomCategoricalOp : Kiln_Op<"random_categorical", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Float:$logits, I64Attr:$op_id, I64Attr:$num_samples, TypeAttr:$dtype);
  let results = (outs Kiln_Index:$result);
  let derivative = NotDifferentiable<"its result is an index">;
  let tolerance = Exact;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Random class numbers";
  let example = [{{"state": [42, 3], "op_id": 7, "logits": [0, 0, 2], "num_samples": 5, "dtype": "i64"} }];
  let description = [{
    `result[.., s]` is class c with a probability in proportion to `exp(logits[.., c])`: the argmax over c of `logits[.., c] - log(-log(u[.., s, c]))` (Gumbel, Statistical theory of extreme values, 1954), where u is random_uniform on [0, 1) of shape shape(logits)[:-1] + [num_samples, classes] with the same state and op_id, in f64 for f64 logits and in f32 for others. Logits of -inf are never chosen beside finite ones.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) rank(logits) >= 1, and the last axis is not empty; num_samples >= 0
    - (C3) shape(result) = shape(logits)[:-1] + [num_samples], dtype(result) = dtype
  }];
}
