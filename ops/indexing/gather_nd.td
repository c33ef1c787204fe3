// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_GatherNdOp : Kiln_Op<"gather_nd", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Index:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Slices picked by index vectors";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "indices": [[0, 2], [-1, 0]]} }];
  let description = [{
    Each vector `indices[b.., i.., :]` of k numbers picks the slice `x[b.., vector.., :]`: the first batch_dims axes of both are walked together and the next k axes of x are indexed (ONNX GatherND). Negative indices count from the end; an index outside [-n, n) ends the run with KILN-R0030.

    Constraints:
    - (C1) rank(indices) > batch_dims >= 0; its last dim k is fixed, 1 <= k <= rank(x) - batch_dims
    - (C2) the first batch_dims dims of x and indices are equal
    - (C3) shape(result) = shape(indices)[:-1] + shape(x)[batch_dims + k:]
  }];
}
