// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LayerNormOp : Kiln_Op<"layer_norm", "normalization", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$scale, Kiln_Float:$bias, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F64Attr, "1e-5">:$epsilon);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let sweep = "custom";
  let example = [{{"x": [[1, 3, 5], [10, 10, 10]], "scale": [1, 1, 1], "bias": [0, 0, 1]} }];
  let summary = "Layer normalisation";
  let description = [{
    `result = (x - mean) / sqrt(variance + epsilon) * scale + bias` with mean and variance over `axis` and all axes after it (Ba, Kiros and Hinton, 2016); the variance is divided by the count. Means and variances are taken in f32 for f16 and bf16, else in the element type, the variance around the mean (two passes).

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) scale and bias have the dtype of x and the lengths of its axes from `axis` on
    - (C3) type(result) = type(x)
    - (C4) epsilon is finite and not negative
  }];
}
