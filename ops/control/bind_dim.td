// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// It has an effect: types mention what it binds, which no use of its result shows.
def Kiln_BindDimOp : Kiln_Op<"bind_dim", "control", []> {
  let arguments = (ins Kiln_Index:$length, StrAttr:$symbol);
  let results = (outs Kiln_Index:$result);
  let derivative = NotDifferentiable<"a length has no derivative">;
  let tolerance = Exact;
  let customBuilder = 1;
  let hasReference = 0;
  let mayFault = 1;
  let sweep = "custom";
  let summary = "Gives a dimension symbol the value that the run found";
  let description = [{
    `result = length`; from here on the dimension `symbol`, which no feed has, is that number: for values whose size only the run
    knows, and for loops with as many steps. Below 0 or above 2^40 the run ends with KILN-R0034.

    Constraints:
    - (C1) length is an i64 scalar, and type(result) = type(length)
    - (C2) no feed has the symbol, and nothing else binds it
  }];
}
