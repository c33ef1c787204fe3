// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ExpOp : Kiln_UnaryOp<"exp", "Exp", Kiln_Float, Partials<[(get $result)]>, Ulp<2>> {
  let summary = "Exponential, elementwise";
  let description = [{
    `result[i] = e^x[i]`; exp(-inf) = 0, exp(inf) = inf, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
