// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_IfElseOp : Kiln_Op<"if_else", "control", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Bool:$condition, Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$then_branch, FlatSymbolRefAttr:$else_branch);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "The results of one of two functions";
  let description = [{
    The results of `then_branch` for the inputs where `condition` is true, else those of `else_branch`. Only the function that
    is chosen runs.

    Constraints:
    - (C1) condition is a bool scalar
    - (C2) both functions take values of the types of the inputs
    - (C3) both functions give results of equal types, which are the types of the results
  }];
}
