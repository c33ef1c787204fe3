// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_GatherOp : Kiln_Op<"gather", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Index:$indices, DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<I64Attr, "0">:$batch_dims, DefaultValuedAttr<BoolAttr, "true">:$allow_negative);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "Slices picked by index along an axis";
  let example = [{{"x": [[1, 2], [3, 4], [5, 6]], "indices": [2, 0, -1]} }];
  let description = [{
    Rows of x along `axis` picked by `indices` (ONNX Gather; negative indices count from the end); the first batch_dims axes of both are walked together. An index outside [-n, n), or any negative one when allow_negative is false, ends the run with KILN-R0030.

    Constraints:
    - (C1) batch_dims <= axis < rank(x)
    - (C2) the first batch_dims dims of x and indices are equal
    - (C3) shape(result) = shape(x)[:axis] + shape(indices)[batch_dims:] + shape(x)[axis + 1:]
  }];
}
