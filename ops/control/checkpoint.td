// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CheckpointOp : Kiln_Op<"checkpoint", "control", [NoMemoryEffect]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$callee);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "A function that gradients compute again instead of keeping its values";
  let description = [{
    The results of `callee` for the inputs. A gradient keeps the inputs only and computes what lies between again.

    Constraints:
    - (C1) callee takes values of the types of the inputs
    - (C2) types(results) = types of the results of the callee
  }];
}
