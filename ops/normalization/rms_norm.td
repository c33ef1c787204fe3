// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RmsNormOp : Kiln_Op<"rms_norm", "normalization", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_Float:$scale, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F64Attr, "1e-5">:$epsilon);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let sweep = "custom";
  let example = [{{"x": [[3, 4]], "scale": [1, 10]} }];
  let summary = "Root mean square normalisation";
  let description = [{
    `result = x / sqrt(mean(x * x) + epsilon) * scale` with the mean over `axis` and all axes after it (Zhang and Sennrich, NeurIPS 2019), taken in f32 for f16 and bf16.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) scale has the dtype of x and the lengths of its axes from `axis` on
    - (C3) type(result) = type(x)
    - (C4) epsilon is finite and not negative
  }];
}
