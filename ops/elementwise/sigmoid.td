// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SigmoidOp : Kiln_UnaryOp<"sigmoid", "Sigmoid", Kiln_Float, Partials<[(mul $result, (sub (One), $result))]>, Ulp<4>> {
  let summary = "Logistic function, elementwise";
  let description = [{
    `result[i] = 1 / (1 + e^-x[i])`; 0 at -inf, 1 at inf, NaN for NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
