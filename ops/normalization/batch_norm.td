// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BatchNormOp : Kiln_Op<"batch_norm", "normalization", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$scale, Kiln_Float:$bias, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F64Attr, "1e-5">:$epsilon);
  let results = (outs Kiln_Float:$result, Kiln_Float:$mean, Kiln_Float:$variance);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let sweep = "custom";
  let example = [{{"x": [[1, 0], [3, 0], [5, 4], [7, 4]], "scale": [1, 10], "bias": [0, 1]} }];
  let summary = "Batch normalisation, with the statistics of x";
  let description = [{
    `result = (x - mean) / sqrt(variance + epsilon) * scale + bias` with mean and variance over all axes but the channel axis `axis` (Ioffe and Szegedy, ICML 2015), which are results too; the variance is divided by the count. Means and variances are taken in f32 for f16 and bf16, else in the element type, the variance around the mean (two passes).

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) scale and bias have the dtype of x and the shape [channels]
    - (C3) mean and variance have the shape [channels], and the dtype f32 for f16 and bf16, else that of x
    - (C4) epsilon is finite and not negative
  }];
}
