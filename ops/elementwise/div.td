// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_DivOp : Kiln_BinaryOp<"div", "Div", Kiln_Numeric, Partials<[(div (One), $y), (neg (div $result, $y))]>, Exact, [NoMemoryEffect]> {
  let summary = "Quotient, elementwise";
  let description = [{
    `result[i] = x[i] / y[i]`. Integers truncate toward zero; dividing an integer by zero ends the run with KILN-R0031 and
    no variable changed; the lowest integer divided by -1 wraps around.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
  let mayFault = 1;
  let sweep = "nonzero";
}
