// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CosOp : Kiln_UnaryOp<"cos", "Cos", Kiln_Float, Partials<[(neg (sin $x))]>, Ulp<2>> {
  let summary = "Cosine, elementwise";
  let description = [{
    `result[i] = cos(x[i])` of radians, whatever their size; NaN for +-inf and NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
