// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SwitchCaseOp : Kiln_Op<"switch_case", "control", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Index:$index, Variadic<Kiln_Any>:$inputs, Kiln_FunctionsAttr:$branches);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "The results of one of several functions, chosen by number";
  let description = [{
    The results of function number `index` of `branches` for the inputs. Only that function runs. A number below 0 or not
    below the number of functions ends the run with KILN-R0030.

    Constraints:
    - (C1) index is a scalar, and there is at least one branch
    - (C2) every function takes values of the types of the inputs
    - (C3) all functions give results of equal types, which are the types of the results
  }];
}
