// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_GroupNormOp : Kiln_Op<"group_norm", "normalization", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$scale, Kiln_Float:$bias, I64Attr:$groups, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F64Attr, "1e-5">:$epsilon);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let sweep = "custom";
  let example = [{{"x": [[1, 3, 10, 30]], "scale": [1, 1, 1, 2], "bias": [0, 0, 0, 1], "groups": 2} }];
  let summary = "Group normalisation";
  let description = [{
    `result = (x - mean) / sqrt(variance + epsilon) * scale + bias` with mean and variance over all axes but the first (batch), and over the channels of one of `groups` equal runs of channels (Wu and He, ECCV 2018); scale and bias are per channel; the variance is divided by the count. Means and variances are taken in f32 for f16 and bf16, else in the element type, the variance around the mean (two passes).

    Constraints:
    - (C1) rank(x) >= 2; axis in [-rank, rank) and not the first
    - (C2) scale and bias have the dtype of x and the shape [channels]
    - (C3) groups is positive and divides the channels, which are a number
    - (C4) epsilon is finite and not negative
  }];
}
