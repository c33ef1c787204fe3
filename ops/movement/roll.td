// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RollOp : Kiln_Op<"roll", "movement", [Pure]> {
  let arguments = (ins Kiln_Any:$x, DenseI64ArrayAttr:$shifts, DenseI64ArrayAttr:$axes);
  let results = (outs Kiln_Any:$result);
  let derivative = Linear<["x"]>;
  let tolerance = Exact;
  let composite = 1;
  let sweep = "custom";
  let summary = "Elements moved along axes, those that leave coming back at the other end";
  let example = [{{"x": [1, 2, 3, 4, 5], "shifts": [2], "axes": [0]} }];
  let description = [{
    `result[.., (i + shift) mod n, ..] = x[.., i, ..]` for each of `axes` with the shift beside it; a negative shift moves toward the front (numpy.roll).

    Constraints:
    - (C1) shifts has as many entries as axes
    - (C2) axes are in [-rank, rank), each at most once
    - (C3) type(result) = type(x)
  }];
}
