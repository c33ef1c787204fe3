// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ScatterSlicesOp : Kiln_Op<"scatter_slices", "indexing", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Index:$indices, Kiln_Any:$updates, DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<I64Attr, "0">:$batch_dims, DefaultValuedAttr<BoolAttr, "true">:$allow_negative, DefaultValuedStrAttr<StrAttr, "none">:$reduction);
  let results = (outs Kiln_Any:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Slices written at indices along an axis";
  let example = [{{"x": [[1, 2], [3, 4]], "indices": [0, 0], "updates": [[0, 9], [2, 1]], "reduction": "max"} }];
  let description = [{
    x with `updates` put where gather with the same indices would read. `reduction` says what an update does to the element: `none` replaces it, the last one in row-major order of updates winning; `add`, `mul`, `min` and `max` combine, in that order. scatter_add is this with `add`. An index outside [-n, n), or any negative one when allow_negative is false, ends the run with KILN-R0030. The derivative for `none` gives updates that another one has replaced none; for `mul` an element gets the product of the others (the second derivative at an update of 0 is taken as if it stayed 0); for `min` and `max` ties share it equally.

    Constraints:
    - (C1) shape(updates) = shape of gather(x, indices)
    - (C2) reduction is none, mul, min or max; bool tensors have none alone
    - (C3) dtype(updates) = dtype(x); type(result) = type(x)
  }];
}
