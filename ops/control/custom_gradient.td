// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CustomGradientOp : Kiln_Op<"custom_gradient", "control", [NoMemoryEffect]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$forward, FlatSymbolRefAttr:$backward);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "A function with a gradient of the user's own";
  let description = [{
    The results of `forward` for the inputs. Its gradient is what `backward(inputs, results, cotangents of the results)` gives:
    one value for each float input. There is no forward mode.

    Constraints:
    - (C1) forward takes values of the types of the inputs
    - (C2) backward takes the inputs, the results of forward, and a cotangent for each float result
    - (C3) the results of backward have the types of the float inputs
  }];
}
