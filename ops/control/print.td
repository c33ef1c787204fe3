// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_PrintOp : Kiln_Op<"print", "control", [NoMemoryEffect]> {
  let arguments = (ins Kiln_Any:$x, DefaultValuedAttr<I64Attr, "64">:$max_elements);
  let results = (outs Kiln_Any:$result);
  let derivative = RuleInCpp;
  let tolerance = Exact;
  let library = 1;
  let sweep = "custom";
  let example = [{{"x": [1, 2]} }];
  let summary = "x, printed when it is computed";
  let description = [{
    `result = x`. Writes the node's name, the type and at most max_elements elements to stderr when the result is
    computed, once for each time it is. The derivative passes through to x without being printed.

    Constraints:
    - (C1) type(result) = type(x)
    - (C2) max_elements >= 0
  }];
}
