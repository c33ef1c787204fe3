// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ScatterNdOp : Kiln_Op<"scatter_nd", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Index:$indices, Kiln_Any:$updates, DefaultValuedStrAttr<StrAttr, "none">:$reduction);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<2>;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Slices written at index vectors";
  let example = [{{"x": [[1, 2], [3, 4]], "indices": [[1, 0], [0, 1]], "updates": [5, 6], "reduction": "mul"} }];
  let description = [{
    x with the slice `updates[i.., :]` put at `[vector.., :]` for each vector `indices[i.., :]` of k numbers, which index the first k axes of x (ONNX ScatterND). `reduction` says what an update does to the element: `none` replaces it, the last one in row-major order of updates winning; `add`, `mul`, `min` and `max` combine, in that order. Negative indices count from the end; an index outside [-n, n) ends the run with KILN-R0030.

    Constraints:
    - (C1) rank(indices) >= 1; its last dim k is fixed, 1 <= k <= rank(x)
    - (C2) shape(updates) = shape(indices)[:-1] + shape(x)[k:]
    - (C3) reduction is none, add, mul, min or max; bool tensors have none alone
    - (C4) dtype(updates) = dtype(x); type(result) = type(x)
  }];
}
