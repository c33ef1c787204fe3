// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ModOp : Kiln_BinaryOp<"mod", "Mod", Kiln_Numeric, Partials<[(One), (neg (round (div (sub $x, $result), $y)))]>, Exact, [NoMemoryEffect]> {
  let summary = "Remainder with the sign of the divisor, elementwise";
  let description = [{
    `result[i] = x[i] - floor(x[i] / y[i]) * y[i]` with the exact quotient (Python and NumPy %). Floats: the
    remainder of truncated division, which is exact, plus y[i] where the signs differ; a zero result has the sign
    of y[i]; mod(x, +-inf) is x for equal signs, else y; NaN for y[i] = 0 and infinite x[i]. Dividing an integer
    by zero ends the run with KILN-R0031 and no variable changed.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
  let mayFault = 1;
  let sweep = "nonzero";
}
