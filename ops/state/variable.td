// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_VariableOp : Kiln_Op<"variable", "state", [NoMemoryEffect]> {
  let arguments = (ins TypeAttr:$dtype, Kiln_ShapeAttr:$shape);
  let results = (outs Kiln_Any:$result);
  let derivative = NotDifferentiable<"it is where state enters a graph">;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "The value of a variable before the run";
  let description = [{
    Variables keep their values from run to run. Every read in a run sees the value from before the run.

    Constraints:
    - (C1) shape is static
    - (C2) dtype(result) = dtype, shape(result) = shape
  }];
}
