// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomTruncatedNormalOp : Kiln_Op<"random_truncated_normal", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Shape:$shape, I64Attr:$op_id, TypeAttr:$dtype, DefaultValuedAttr<F64Attr, "0.0">:$mean, DefaultValuedAttr<F64Attr, "1.0">:$stddev);
  let results = (outs Kiln_Float:$result);
  let derivative = NotDifferentiable<"random numbers do not depend on a differentiable value">;
  let tolerance = Ulp<16>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Random numbers, normal within two deviations";
  let example = [{{"state": [42, 3], "op_id": 7, "shape": [4], "dtype": "f32"} }];
  let description = [{
    Normal numbers conditioned on being within two standard deviations of the mean, by the inverse of the distribution: `sqrt(2) * erfinv(u)` of u uniform on [-erf(sqrt(2)), erf(sqrt(2))), kept within [-2, 2], times stddev plus mean. u is random_uniform with the same state, op_id and dtype.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) shape(result) is the value of shape
    - (C3) dtype is a float type; mean and stddev >= 0 are finite
  }];
}
