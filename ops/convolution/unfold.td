// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_UnfoldOp : Kiln_Op<"unfold", "convolution", [Pure]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Any:$value, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x", "value"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[1], [2], [3], [4]]], "value": 0, "kernel": [3], "strides": [1], "dilations": [1], "low": [1], "high": [1]} }];
  let summary = "Windows side by side";
  let description = [{
    The windows of x [batch, spatial.., channels] (im2col), for 1 to 3 spatial axes:
    `result[n, o.., k.., c] = x[n, o * strides - low + k * dilations .., c]`, and `value` where that lies outside of x. The transpose of fold.

    A window spans `(kernel - 1) * dilations + 1` positions; negative low and high leave positions at the ends out.

    Constraints:
    - (C1) value has rank 0 and the dtype of x
    - (C2) kernel, strides, dilations, low and high have an entry for each spatial axis, of which there are 1 to 3; kernel, strides and dilations are positive
    - (C3) a spatial length of the result is floor((n + low + high - span) / strides) + 1; it has an expression that is not negative whatever its symbols stand for, and is positive for a number n > 0
  }];
}
