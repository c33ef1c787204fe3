// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReduceVarianceOp : Kiln_Op<"reduce_variance", "reduction", [Pure]> {
  let arguments = (ins Kiln_Float:$x, DenseI64ArrayAttr:$axes, DefaultValuedAttr<BoolAttr, "false">:$keep_dims, DefaultValuedAttr<I64Attr, "0">:$correction);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<32>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [[1, 2, 3, 4]], "axes": [1], "correction": 1} }];
  let summary = "Variance over axes";
  let description = [{
    `sum((x - mean(x))^2) / max(n - correction, 0)` over `axes` with n elements, in two passes. The default is the
    population's variance; `correction = 1` is that of a sample. NaN where nothing is left to divide by: no elements, or
    one with correction 1.

    Constraints:
    - (C1) axes are distinct and in [-rank, rank)
    - (C2) shape(result) is shape(x) without the axes, or with length 1 there when keep_dims
    - (C3) correction >= 0
  }];
}
