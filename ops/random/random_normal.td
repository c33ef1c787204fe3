// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomNormalOp : Kiln_Op<"random_normal", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Shape:$shape, I64Attr:$op_id, TypeAttr:$dtype, DefaultValuedAttr<F64Attr, "0.0">:$mean, DefaultValuedAttr<F64Attr, "1.0">:$stddev);
  let results = (outs Kiln_Float:$result);
  let derivative = NotDifferentiable<"random numbers do not depend on a differentiable value">;
  let tolerance = Ulp<8>;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Random numbers, normal";
  let example = [{{"state": [42, 3], "op_id": 7, "shape": [4], "dtype": "f32"} }];
  let description = [{
    Normal, by Box-Muller from two uniform numbers. Counter based: element i is a function of (seed, step, op_id, i) alone, by Philox 4x32 with 10 rounds (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011), so it is the same on every device and with any number of threads. Key: the seed; counter: low and high word of i / 4, op_id, step; word i mod 4 is used. f32 takes the upper 24 bits; f64 takes two words (counter i / 2, words 2 (i mod 2) and the next), the upper 53 bits.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) shape(result) is the value of shape
    - (C3) dtype is a float type
  }];
}
