// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CastOp : Kiln_Op<"cast", "elementwise", [Pure]> {
  let arguments = (ins Kiln_Any:$x, TypeAttr:$to);
  let results = (outs Kiln_Any:$result);
  let scalar = "Cast";
  let derivative = Linear<["x"]>;
  let customBuilder = 1;
  let summary = "Conversion to another element type, elementwise";
  let description = [{
    `result[i] = to(x[i])`. Float to integer truncates toward zero; NaN gives 0 and values out of range saturate. Anything to bool
    is `x != 0`. Wider to narrower integers keep the low bits.

    Constraints:
    - (C1) dtype(result) = to
    - (C2) shape(result) = shape(x)
  }];
}
