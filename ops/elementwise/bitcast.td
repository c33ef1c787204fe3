// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BitcastOp : Kiln_Op<"bitcast", "elementwise", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, TypeAttr:$to);
  let results = (outs Kiln_Numeric:$result);
  let scalar = "Bitcast";
  let derivative = NotDifferentiable<"the bits of a number are not a function of it that has a slope">;
  let tolerance = Exact;
  let customBuilder = 1;
  let example = [{ {"x": [1, -2], "to": "i32"} }];
  let summary = "The bits of each element read as another type of the same width";
  let description = [{
    `result[i]` has the bits of `x[i]` (ONNX BitCast): 1.0f becomes 0x3f800000. NaNs keep their payload; a signalling one of a
    16-bit float may become quiet.

    Constraints:
    - (C1) dtype(result) = to, which is a numeric type of the same width
    - (C2) shape(result) = shape(x)
  }];
}
