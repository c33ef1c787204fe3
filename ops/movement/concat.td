// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ConcatOp : Kiln_Op<"concat", "movement", [Pure]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs, I64Attr:$axis);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["inputs"]>;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Tensors joined along an axis";
  let example = [{{"inputs": [[1, 2], [3, 4, 5]], "axis": 0} }];
  let description = [{
    The inputs one after the other along `axis`.

    Constraints:
    - (C1) at least one input
    - (C2) all dims but that of axis are equal
    - (C3) dim axis of result is the sum of those of the inputs
  }];
}
