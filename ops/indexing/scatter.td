// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ScatterOp : Kiln_Op<"scatter", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Index:$indices, Kiln_Any:$updates, DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedStrAttr<StrAttr, "none">:$reduction);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<2>;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Elements written at an index each, along an axis";
  let example = [{{"x": [1, 2, 3], "indices": [0, 2, 0], "updates": [10, 20, 30], "reduction": "add"} }];
  let description = [{
    x with `updates[.., i, ..]` put at `[.., indices[.., i, ..], ..]`, where only the position on `axis` is replaced (ONNX ScatterElements). `reduction` says what an update does to the element: `none` replaces it, the last one in row-major order of updates winning; `add`, `mul`, `min` and `max` combine, in that order. Negative indices count from the end; an index outside [-n, n) ends the run with KILN-R0030.

    Constraints:
    - (C1) rank(indices) = rank(x) >= 1; axis in [-rank, rank); shape(updates) = shape(indices)
    - (C2) dims of indices beside axis are at most those of x
    - (C3) reduction is none, add, mul, min or max; bool tensors have none alone
    - (C4) dtype(updates) = dtype(x); type(result) = type(x)
  }];
}
