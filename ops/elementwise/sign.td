// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SignOp : Kiln_UnaryOp<"sign", "Sign", Kiln_Numeric, Partials<[(Zero)]>, Exact> {
  let summary = "Sign, elementwise";
  let description = [{
    -1, 0 or 1; NaN for NaN, and zero keeps its sign.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
