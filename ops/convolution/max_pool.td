// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_MaxPoolOp : Kiln_Op<"max_pool", "convolution", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, BoolAttr:$ceil_mode, StrAttr:$layout);
  let results = (outs Kiln_Numeric:$values, Kiln_Index:$indices);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[[1, 5, 2, 2], [3, 0, 2, 1]]]], "kernel": [2, 2], "strides": [2, 2], "dilations": [1, 1], "low": [0, 0], "high": [0, 0], "ceil_mode": false, "layout": "NCHW"} }];
  let summary = "Largest value of each window";
  let description = [{
    The largest value of each window, and as i64 where it is: the row-major position within the spatial axes of its channel, in their order in layout (torch.nn.MaxPool, ONNX MaxPool). The first of equal ones; a NaN counts as larger than every number. Padding never wins: a window that holds nothing but padding gives the lowest value and the index 0. The gradient goes to the element at the index.

    `layout` names the axes of x and the result, each once: N batch, C channels, D, H, W space, such as NHWC, NCHW, NWC or NDHWC; any order is allowed.

    Constraints:
    - (C1) layout has a letter for each axis of x
    - (C2) kernel, strides, dilations, low and high have an entry for each spatial axis in the order of layout; kernel, strides and dilations are positive; low and high are at least 0 and at most half of the span
    - (C3) a spatial length of the result is r = floor((n + low + high - span) / strides) + 1 with span = (kernel - 1) * dilations + 1. With ceil_mode, floor is ceil, and the last window is left out when it would begin in the high padding
    - (C4) the spatial lengths of x are numbers, or strides are 1
  }];
}
