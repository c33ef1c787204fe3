// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ScanOp : Kiln_Op<"scan", "control", [NoMemoryEffect]> {
  let arguments = (ins Variadic<Kiln_Any>:$inputs, FlatSymbolRefAttr:$body, I64Attr:$num_carries, I64Attr:$num_scanned, Kiln_ShapeAttr:$length, DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Variadic<Kiln_Any>:$results_);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let sweep = "custom";
  let mayFault = 1;
  let summary = "Repeats a function over the rows of tensors";
  let description = [{
    inputs are `num_carries` values that each step hands to the next, `num_scanned` tensors of which step i sees row i of the
    first axis, then captured values. For i = 0 .. length - 1, or from the last to the first when `reverse`, the carries are
    replaced by the first results of `body(i, carries, rows, captured)`; its further results become row i of stacked results.
    Results are the last carries, then the stacked values. `length` is a vector of one dim.

    Constraints:
    - (C1) num_carries and num_scanned are not negative and together no more than the inputs; length is one dim, not negative
    - (C2) the first axis of every scanned value has the length
    - (C3) body takes an i64 scalar, the carries, the scanned values without their first axis, and the captured values
    - (C4) the first num_carries results of the body have the types of the carries
  }];
}
