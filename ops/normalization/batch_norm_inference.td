// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BatchNormInferenceOp : Kiln_Op<"batch_norm_inference", "normalization", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$scale, Kiln_Float:$bias, Kiln_Float:$mean, Kiln_Float:$variance, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F64Attr, "1e-5">:$epsilon);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let sweep = "custom";
  let example = [{{"x": [[3, 5]], "scale": [2, 1], "bias": [1, 0], "mean": [1, 1], "variance": [4, 16]} }];
  let summary = "Batch normalisation, with given statistics";
  let description = [{
    `result = (x - mean) / sqrt(variance + epsilon) * scale + bias`, each statistic for one channel of the axis `axis`.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) scale and bias have the dtype of x and the shape [channels]
    - (C3) mean and variance have the shape [channels], and the dtype f32 for f16 and bf16, else that of x
    - (C4) epsilon is finite and not negative
  }];
}
