// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AdaptiveAvgPoolOp : Kiln_Op<"adaptive_avg_pool", "convolution", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$output_size, StrAttr:$layout);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<4>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[[1, 2, 3, 8, 5]]], "output_size": [3], "layout": "NCW"} }];
  let summary = "Mean of windows for a wanted result size";
  let description = [{
    The mean of as many windows as the result shall have elements.
    Window i of an axis is [floor(i * n / r), ceil((i + 1) * n / r)) for the length n and r = output_size, as in PyTorch.

    `layout` names the axes of x and the result, each once: N batch, C channels, D, H, W space, such as NHWC, NCHW, NWC or NDHWC; any order is allowed.

    Constraints:
    - (C1) layout has a letter for each axis of x
    - (C2) output_size has a positive entry for each spatial axis in the order of layout
    - (C3) the spatial lengths of x are positive numbers
  }];
}
