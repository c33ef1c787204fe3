// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CumprodOp : Kiln_Op<"cumprod", "reduction", [Pure]> {
  let arguments = (ins Kiln_Numeric:$x, DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<BoolAttr, "false">:$exclusive, DefaultValuedAttr<BoolAttr, "false">:$reverse);
  let results = (outs Kiln_Numeric:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let library = 1;
  let sweep = "custom";
  let example = [{{"x": [2, 3, 4]} }];
  let summary = "Running product along an axis";
  let description = [{
    `result[i] = x[0] * ... * x[i]` along `axis`; without the last factor when `exclusive`, so that the first is 1; from the
    end when `reverse`. Integers wrap around. The gradient is right where elements are zero.

    Constraints:
    - (C1) axis in [-rank, rank)
    - (C2) type(result) = type(x)
  }];
}
