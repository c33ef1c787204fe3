// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SelectOp : Kiln_Op<"select", "elementwise", [Pure]> {
  let arguments = (ins Kiln_Bool:$condition, Kiln_Any:$x, Kiln_Any:$y);
  let results = (outs Kiln_Any:$result);
  let scalar = "Select";
  let derivative = Linear<["x", "y"]>;
  let summary = "Choice between two tensors, elementwise";
  let description = [{
    `result[i] = condition[i] ? x[i] : y[i]` (ONNX Where).

    Constraints:
    - (C1) type(x) = type(y) = type(result)
    - (C2) shape(condition) = shape(x)
  }];
}
