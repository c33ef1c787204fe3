// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CastOp : Kiln_Op<"cast", "elementwise", [Pure]> {
  let arguments = (ins Kiln_Any:$x, TypeAttr:$to);
  let results = (outs Kiln_Any:$result);
  let scalar = "Cast";
  let derivative = Linear<["x"]>;
  let customBuilder = 1;
  let example = [{ {"x": [-1.5, 0, 2.7], "to": "i32"} }];
  let summary = "Conversion to another element type, elementwise";
  let description = [{
    `result[i] = to(x[i])`. To a float rounds to nearest, ties to even, once. Float to integer truncates toward zero; NaN gives 0
    and values out of range saturate. Integers to integers keep the low bits. Anything to bool is `x != 0`; bool is 0 or 1.

    Constraints:
    - (C1) dtype(result) = to
    - (C2) shape(result) = shape(x)
  }];
}
