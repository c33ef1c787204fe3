// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_OptimizationBarrierOp : Kiln_Op<"optimization_barrier", "control", [NoMemoryEffect]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let sweep = "custom";
  let example = [{{"inputs": [[1, 2], [3]]} }];
  let summary = "The inputs, which the compiler takes for new values";
  let description = [{
    `result i = input i`, available when all inputs are. What is computed from the results is not merged with what is computed
    from the inputs, and not moved before the barrier.

    Constraints:
    - (C1) type(result i) = type(input i)
  }];
}
