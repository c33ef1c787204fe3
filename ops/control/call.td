// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CallOp : Kiln_Op<"call", "control", [NoMemoryEffect]> {
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Kiln_Any>:$arguments_);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let summary = "Calls a function of the graph";
  let description = [{
    The results of the function `callee` for these arguments.

    Constraints:
    - (C1) the callee exists and does not call itself, directly or through others
    - (C2) types(arguments) = types of the parameters of the callee, where symbolic dims of parameters match any length consistently
    - (C3) types(results) = types of the results of the callee
  }];
}
