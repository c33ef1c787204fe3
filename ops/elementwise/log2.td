// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Log2E : Num<"1.4426950408889634074">;
def Kiln_Log2Op : Kiln_UnaryOp<"log2", "Log2", Kiln_Float, Partials<[(div (Log2E), $x)]>, Ulp<2>> {
  let summary = "Logarithm to the base 2, elementwise";
  let description = [{
    `result[i] = log2 x[i]`; log2(0) = -inf, NaN below 0 and for NaN. Powers of two give whole numbers.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "positive";
}
