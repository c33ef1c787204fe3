// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CumsumOp : Kiln_Op<"cumsum", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<BoolAttr, "false">:$exclusive, DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Kiln_Numeric:$result);
  let derivative = Linear<["x"]>;
  let tolerance = SumUlp<2>;
  let library = 1;
  let sweep = "custom";
  let example = [{{"x": [1, 2, 3], "exclusive": true, "reverse": true} }];
  let summary = "Running sum along an axis";
  let description = [{
    `result[i] = x[0] + ... + x[i]` along `axis`; without the last term when `exclusive`, so that the first is 0; from the
    end when `reverse`. Integers wrap around.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) type(result) = type(x)
  }];
}
