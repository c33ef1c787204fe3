// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RemainderOp : Kiln_BinaryOp<"remainder", "Remainder", Kiln_Numeric, Partials<[(One), (neg (round (div (sub $x, $result), $y)))]>, Exact, [NoMemoryEffect]> {
  let summary = "Remainder with the sign of the dividend, elementwise";
  let description = [{
    `result[i] = x[i] - trunc(x[i] / y[i]) * y[i]` with the exact quotient: C fmod and %. A zero result has the
    sign of x[i]; remainder(x, +-inf) = x; NaN for y[i] = 0 and infinite x[i]. Dividing an integer by zero ends
    the run with KILN-R0031 and no variable changed; the lowest integer and -1 give 0.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
  let mayFault = 1;
  let sweep = "nonzero";
}
