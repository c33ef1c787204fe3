// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ConvOp : Kiln_Op<"conv", "convolution", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, Kiln_Numeric:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, I64Attr:$groups, StrAttr:$layout, StrAttr:$filter_layout);
  let results = (outs Kiln_Numeric:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[1], [2], [3], [4]]], "filter": [[[10]], [[1]]], "strides": [1], "dilations": [1], "low": [0], "high": [1], "groups": 1, "layout": "NWC", "filter_layout": "WIO"} }];
  let summary = "Convolution";
  let description = [{
    Convolution (cross-correlation, as in all of deep learning) over 1 to 3 spatial axes: with channels last,
    `result[n, o.., d] = sum over k.., c of x[n, o * strides - low + k * dilations .., g * C + c] * filter[k.., c, d]`, where x is 0 outside, C = channels / groups, and g = d / (outputs / groups) is the group of d. Floats are summed in their own type, as in matmul.

    `layout` names the axes of x and the result, each once: N batch, C channels, D, H, W space, such as NHWC, NCHW, NWC or NDHWC; any order is allowed. `filter_layout` names those of the filter: O results, I channels of a group, and the spatial letters of layout, such as HWIO or OIHW.

    Constraints:
    - (C1) dtype(x) = dtype(filter) = dtype(result)
    - (C2) layout and filter_layout have a letter for each axis; the spatial letters of both are the same
    - (C3) strides, dilations, low and high have an entry for each spatial axis in the order of layout; strides and dilations are positive
    - (C4) groups divides the channels of x and the results; I = channels / groups; both are numbers, as the lengths of the window are
    - (C5) a spatial length of the result is floor((n + low + high - span) / strides) + 1 with span = (k - 1) * dilations + 1; see unfold
  }];
}
