// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ReverseOp : Kiln_Op<"reverse", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DenseI64ArrayAttr:$axes);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let sweep = "custom";
  let summary = "The elements in the opposite order along axes";
  let example = [{{"x": [[1, 2, 3], [4, 5, 6]], "axes": [1]} }];
  let description = [{
    `result[.., i, ..] = x[.., n - 1 - i, ..]` for each of `axes`; all others stay (numpy.flip).

    Constraints:
    - (C1) axes are in [-rank, rank), each at most once
    - (C2) type(result) = type(x)
  }];
}
