// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AvgPoolOp : Kiln_Op<"avg_pool", "convolution", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, BoolAttr:$ceil_mode, StrAttr:$layout, BoolAttr:$count_padding);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<4>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[2, 4, 6, 8]]], "kernel": [3], "strides": [1], "dilations": [1], "low": [1], "high": [1], "ceil_mode": false, "layout": "NCW", "count_padding": false} }];
  let summary = "Mean of each window";
  let description = [{
    The mean of each window: the sum of its elements by the number of them inside of x, or, with count_padding, inside of x with its padding (torch.nn.AvgPool: count_include_pad). A window without such elements gives NaN.

    `layout` names the axes of x and the result, each once: N batch, C channels, D, H, W space, such as NHWC, NCHW, NWC or NDHWC; any order is allowed.

    Constraints:
    - (C1) layout has a letter for each axis of x
    - (C2) kernel, strides, dilations, low and high have an entry for each spatial axis in the order of layout; kernel, strides and dilations are positive; low and high are at least 0 and at most half of the span
    - (C3) a spatial length of the result is r = floor((n + low + high - span) / strides) + 1 with span = (kernel - 1) * dilations + 1. With ceil_mode, floor is ceil, and the last window is left out when it would begin in the high padding
  }];
}
