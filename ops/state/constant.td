// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ConstantOp : Kiln_Op<"constant", "state", [ConstantLike, Pure]> {
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Kiln_Any:$result);
  let derivative = NotDifferentiable<"a constant depends on nothing">;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let hasFolder = 1;  // MLIR asks every ConstantLike op for its value by folding it
  let example = [{ {"value": [1, 2, 3]} }];
  let summary = "A constant tensor";
  let description = [{
    The value is part of the graph; large values live in the weights file.

    Constraints:
    - (C1) type(result) = type(value)
  }];
}
