// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_DropoutOp : Kiln_Op<"dropout", "random", [Pure]> {
  let arguments = (ins Kiln_Float:$x, Kiln_RandomState:$state, I64Attr:$op_id, F64Attr:$rate);
  let results = (outs Kiln_Float:$result);
  let derivative = ThroughExpansion;
  let tolerance = Ulp<1>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"x": [1, 2, 3, 4, 5, 6], "state": [7, 1], "op_id": 0, "rate": 0.5} }];
  let summary = "Random elements set to zero, the others scaled";
  let description = [{
    `result[i] = u[i] < rate ? 0 : x[i] * (1 / (1 - rate))` (Srivastava and others, JMLR 2014, scaled while training), where u[i] is element i, row-major, of `random_uniform` in f32 for the same state and op_id: a function of (seed, step, op_id, i). So the gradient finds the same elements again without their being kept, and a resumed run drops what an uninterrupted one drops. With rate 1 all elements are 0. A graph for inference leaves the op out.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) rate in [0, 1]
    - (C3) type(result) = type(x)
  }];
}
