// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_EmbeddingOp : Kiln_Op<"embedding", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Float:$weights, Kiln_Index:$ids, DefaultValuedAttr<I64Attr, "-1">:$padding_idx);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Exact;
  let composite = 1;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Rows of a table";
  let example = [{{"weights": [[1, 2], [3, 4]], "ids": [1, 0, 1], "padding_idx": 0} }];
  let description = [{
    `result[i.., :] = weights[ids[i..], :]`. Rows for the id padding_idx are zero, and that row of weights gets no gradient; -1: no id is padding. The gradient of weights is a tensor of their shape to which the rows are added (scatter_add): it is not kept sparse, and an optimizer step goes over all rows. An id outside [0, rows) ends the run with KILN-R0030.

    Constraints:
    - (C1) rank(weights) = 2
    - (C2) padding_idx is -1 or, where the number of rows is fixed, below it
    - (C3) shape(result) = shape(ids) + [dim 1 of weights]
  }];
}
