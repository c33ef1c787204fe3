// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_GatherElementsOp : Kiln_Op<"gather_elements", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Index:$indices, DefaultValuedAttr<I64Attr, "0">:$axis);
  let results = (outs Kiln_Any:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Elements picked by an index each, along an axis";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "indices": [[0, 2], [-1, 0]], "axis": 1} }];
  let description = [{
    `result[.., i, ..] = x[.., indices[.., i, ..], ..]`, where only the position on `axis` is replaced (ONNX GatherElements, numpy.take_along_axis). Negative indices count from the end; an index outside [-n, n) ends the run with KILN-R0030.

    Constraints:
    - (C1) rank(indices) = rank(x) >= 1; axis in [-rank, rank)
    - (C2) dims of indices beside axis are at most those of x
    - (C3) shape(result) = shape(indices)
  }];
}
