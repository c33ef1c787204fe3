// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_GroupOp : Kiln_Op<"group", "state", []> {
  let arguments = (ins Variadic<Kiln_Any>:$values);
  let results = (outs );
  let derivative = NotDifferentiable<"it gives no value">;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "Names several assignments as one target";
  let description = [{
    Running the group runs every assignment that it names.

    Constraints:
    - (C1) each value is the result of an assign or is computed for its own sake
  }];
}
