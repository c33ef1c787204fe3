// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TransposeOp : Kiln_Op<"transpose", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DenseI64ArrayAttr:$permutation);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Permuted axes";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "permutation": [1, 0]} }];
  let description = [{
    Axis i of the result is axis permutation[i] of x.

    Constraints:
    - (C1) permutation is a permutation of the axes of x
    - (C2) dim i of result = dim permutation[i] of x
  }];
}
