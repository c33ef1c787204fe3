// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MatmulOp : Kiln_Op<"matmul", "contraction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$a, Kiln_Numeric:$b, DefaultValuedAttr<BoolAttr, "false">:$transpose_a, DefaultValuedAttr<BoolAttr, "false">:$transpose_b);
  let results = (outs Kiln_Numeric:$result);
  let derivative = Linear<["a", "b"]>;
  let tolerance = SumUlp<64>;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Matrix product, batched";
  let example = [{{"a": [[1, 2], [3, 4]], "b": [[5, 6], [7, 8]]} }];
  let description = [{
    `result[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]` over the last two axes; transpose_a and transpose_b read the
    operand with its last two axes exchanged. Leading axes are batch axes. Integers wrap around. f32 and f64 are summed along
    k in their own type, 16-bit floats in f32 and rounded once; the error grows with the square root of k, and the tolerance
    holds up to k = 16384.

    Constraints:
    - (C1) rank(a) = rank(b) >= 2
    - (C2) batch dims of a, b and result are equal
    - (C3) the inner dims of a and b are equal
    - (C4) dtype(a) = dtype(b) = dtype(result)
  }];
}
