// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ForRangeOp : Kiln_Op<"for_range", "control", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Index:$count, Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$body, I64Attr:$num_carries);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "Repeats a function a number of times that the run tells";
  let description = [{
    inputs are `num_carries` values that each step hands to the next, then captured values. For step = 0 .. count - 1 (i64) the
    carries are replaced by `body(step, carries, captured)`. A count below 0 or above 2^40 ends the run with KILN-R0034.

    Constraints:
    - (C1) count is an i64 scalar, and 0 <= num_carries <= number of inputs
    - (C2) body takes an i64 scalar and the inputs
    - (C3) the results of the body have the types of the carries, which are those of the results
  }];
}
