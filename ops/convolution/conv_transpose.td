// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ConvTransposeOp : Kiln_Op<"conv_transpose", "convolution", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, Kiln_Numeric:$filter, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, DenseI64ArrayAttr:$output_padding, I64Attr:$groups, StrAttr:$layout, StrAttr:$filter_layout);
  let results = (outs Kiln_Numeric:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[1], [2]]], "filter": [[[1]], [[10]], [[100]]], "strides": [2], "dilations": [1], "low": [0], "high": [0], "output_padding": [0], "groups": 1, "layout": "NWC", "filter_layout": "WIO"} }];
  let summary = "Transposed convolution";
  let description = [{
    The gradient of conv for its x, as an op (torch.nn.ConvTranspose): each element of x [N, spatial.., channels] adds its multiple of the filter to a window of the result:
    `result[n, o * strides - low + k * dilations .., d] = sum over o.., k.., c of x[n, o.., c] * filter[k.., c, d]`. With groups, the channels of group g reach the results of group g.

    `layout` names the axes of x and the result, each once: N batch, C channels, D, H, W space, such as NHWC, NCHW, NWC or NDHWC; any order is allowed. `filter_layout`: I channels of x (of all groups), O results of a group, and the spatial letters of layout; PyTorch's weights are IOHW.

    Constraints:
    - (C1) dtype(x) = dtype(filter) = dtype(result)
    - (C2) layout and filter_layout have a letter for each axis; the spatial letters of both are the same
    - (C3) strides, dilations, low, high and output_padding have an entry for each spatial axis in the order of layout; strides and dilations are positive; 0 <= output_padding < max(strides, dilations)
    - (C4) groups divides the channels of x, and I = channels of x; both are numbers, as the lengths of the window are
    - (C5) a spatial length of the result is (n - 1) * strides + span - low - high + output_padding, and not negative
  }];
}
