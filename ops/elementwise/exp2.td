// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Exp2Ln2 : Num<"0.69314718055994530942">;
def Kiln_Exp2Op : Kiln_UnaryOp<"exp2", "Exp2", Kiln_Float, Partials<[(mul $result, (Exp2Ln2))]>, Ulp<2>> {
  let summary = "Power of two, elementwise";
  let description = [{
    `result[i] = 2^x[i]`; exp2(-inf) = 0, exp2(inf) = inf, NaN for NaN. Whole numbers give exact powers.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
