// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AssignOp : Kiln_Op<"assign", "state", []> {
  let arguments = (ins Kiln_Any:$variable, Kiln_Any:$value);
  let results = (outs Kiln_Any:$result);
  let derivative = NotDifferentiable<"the value that is assigned has the gradient; take it of that">;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "Gives a variable a new value at the end of the run";
  let description = [{
    All assignments of a run take effect together when it ends well; a run that fails changes nothing. The result is the value.

    Constraints:
    - (C1) variable is the result of a variable op
    - (C2) type(value) = type(variable) = type(result)
  }];
}
