// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_WhileLoopOp : Kiln_Op<"while_loop", "control", [NoMemoryEffect]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$condition, FlatSymbolRefAttr:$body, I64Attr:$num_carries, DefaultValuedAttr<I64Attr, "-1">:$max_steps);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "Repeats a function while a condition holds";
  let description = [{
    inputs are `num_carries` values that each step hands to the next, then captured values that stay the same. While
    `condition(carries, captured)` is true, and for at most `max_steps` steps unless that is -1, the carries are replaced by the
    first results of `body(step, carries, captured)`, where step counts from 0 (i64). Further results of the body, which need
    max_steps, are stacked: row i of the result is that of step i, and rows of steps that did not run are zero. Results are the
    last carries, then the stacked values.

    Constraints:
    - (C1) 0 <= num_carries <= number of inputs, and max_steps >= -1
    - (C2) condition takes the inputs and gives one bool scalar
    - (C3) body takes an i64 scalar and the inputs
    - (C4) the first num_carries results of the body have the types of the carries
    - (C5) the body has further results only when max_steps is given; they are stacked to shape [max_steps, ...]
  }];
}
