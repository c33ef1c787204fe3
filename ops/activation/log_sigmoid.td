// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_LogSigmoidOp : Kiln_FormulaOp<"log_sigmoid", "activation", (ins Kiln_Float:$x), Kiln_Float,
    (neg (add (maximum (neg $x), (Zero)), (log1p (exp (neg (abs $x)))))),
    Ulp<4>,
    Partials<[(sigmoid (neg $x))]>> {
  let summary = "Logarithm of the logistic function, elementwise";
  let description = [{
    `result[i] = -ln(1 + e^-x[i])`; -inf at -inf, -0 at inf, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
