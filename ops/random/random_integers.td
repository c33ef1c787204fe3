// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomIntegersOp : Kiln_Op<"random_integers", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Shape:$shape, I64Attr:$op_id, TypeAttr:$dtype, I64Attr:$low, I64Attr:$high);
  let results = (outs Kiln_Int:$result);
  let derivative = NotDifferentiable<"random numbers do not depend on a differentiable value">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Random integers, uniform";
  let example = [{{"state": [42, 3], "op_id": 7, "shape": [6], "dtype": "i64", "low": 0, "high": 10} }];
  let description = [{
    Uniform on low .. high - 1: low plus the upper 64 bits of w * (high - low), where w is the 64-bit word of element i: words 2 (i mod 2) and the next of block i / 2 of random/philox.h. No number is more likely than another by more than 2^-64 (Lemire, Fast random integer generation in an interval, ACM TOMACS 29, 2019, without its rejection step).

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) shape(result) is the value of shape
    - (C3) dtype is an integer type that holds low and high - 1; low < high
  }];
}
