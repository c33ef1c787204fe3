// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_AssertThatOp : Kiln_Op<"assert_that", "control", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, Kiln_Bool:$condition, StrAttr:$message);
  let results = (outs Kiln_Any:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let sweep = "custom";
  let mayFault = 1;
  let example = [{{"x": [1, 2], "condition": true, "message": "x is fine"} }];
  let summary = "x, when a condition holds";
  let description = [{
    `result = x` when all elements of `condition` are true; otherwise the run ends with KILN-R0043, which names the node and the
    message. It is checked when the result is used. The derivative passes through to x.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
