// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_SinOp : Kiln_UnaryOp<"sin", "Sin", Kiln_Float, Partials<[(cos $x)]>, Ulp<2>> {
  let summary = "Sine, elementwise";
  let description = [{
    `result[i] = sin(x[i])` of radians, whatever their size; signed zero kept, NaN for +-inf and NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
