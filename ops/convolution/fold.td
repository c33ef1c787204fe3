// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_FoldOp : Kiln_Op<"fold", "convolution", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, Kiln_Shape:$lengths, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high);
  let results = (outs Kiln_Numeric:$result);
  let derivative = Linear<["x"]>;
  let tolerance = SumUlp<16>;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[[1], [2]], [[3], [4]], [[5], [6]]]], "lengths": [4], "kernel": [2], "strides": [1], "dilations": [1], "low": [0], "high": [0]} }];
  let summary = "Windows added up where they overlap";
  let description = [{
    The transpose of unfold (col2im): each element of x [batch, o.., k.., channels] is added to the position of the result [batch, lengths.., channels] that unfold reads it from:
    `result[n, p.., c] = sum of x[n, o.., k.., c] over all o and k with o * strides - low + k * dilations = p`. Positions in no window are 0; elements from outside of the result are dropped. Integers wrap around.

    Constraints:
    - (C1) lengths, kernel, strides, dilations, low and high have an entry for each spatial axis, of which there are 1 to 3; kernel, strides and dilations are positive
    - (C2) shape(x) is that of unfold of the result
  }];
}
