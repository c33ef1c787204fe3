// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomPermutationOp : Kiln_Op<"random_permutation", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Shape:$shape, I64Attr:$op_id, TypeAttr:$dtype);
  let results = (outs Kiln_Index:$result);
  let derivative = NotDifferentiable<"its result is an index">;
  let tolerance = Exact;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "The numbers 0 to n - 1 in random order";
  let example = [{{"state": [42, 3], "op_id": 7, "shape": [6], "dtype": "i64"} }];
  let description = [{
    The positions that sort random_uniform numbers in f64, of the same state, shape and op_id; equal numbers, which are as rare as 2^-53, keep their order.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) shape holds one length; shape(result) is its value
    - (C3) dtype is i32 or i64; a fixed length fits in it
  }];
}
