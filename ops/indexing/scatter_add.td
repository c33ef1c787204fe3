// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ScatterAddOp : Kiln_Op<"scatter_add", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Numeric:$x, Kiln_Index:$indices, Kiln_Numeric:$updates, DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<I64Attr, "0">:$batch_dims, DefaultValuedAttr<BoolAttr, "true">:$allow_negative);
  let results = (outs Kiln_Numeric:$result);
  let derivative = Linear<["x", "updates"]>;
  let tolerance = SumUlp<2>;
  let customBuilder = 1;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "Adds slices at indices along an axis";
  let example = [{{"x": [[1, 2], [3, 4]], "indices": [1, 1], "updates": [[10, 20], [30, 40]]} }];
  let description = [{
    x with `updates` added where gather with the same indices would read; equal indices add up in order. The transpose of gather. An index outside [-n, n), or any negative one when allow_negative is false, ends the run with
    KILN-R0030. 16-bit floats are summed in f32 and rounded once.

    Constraints:
    - (C1) shape(updates) = shape of gather(x, indices)
    - (C2) type(result) = type(x)
  }];
}
