// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SoftplusOp : Kiln_FormulaOp<"softplus", "activation", (ins Kiln_Float:$x, DefaultValuedAttr<F64Attr, "1.0">:$beta), Kiln_Float,
    (add (maximum $x, (Zero)), (div (log1p (exp (neg (abs (mul $beta, $x))))), $beta)),
    Ulp<4>,
    Partials<[(sigmoid (mul $beta, $x))]>> {
  let summary = "Softplus, elementwise";
  let description = [{
    `result[i] = ln(1 + e^(beta * x[i])) / beta` for beta > 0, precise for every x[i] without a threshold; 0 at
    -inf, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
