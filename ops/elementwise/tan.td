// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_TanOp : Kiln_UnaryOp<"tan", "Tan", Kiln_Float, Partials<[(add (One), (mul $result, $result))]>, Ulp<4>> {
  let summary = "Tangent, elementwise";
  let description = [{
    `result[i] = tan(x[i])` of radians, whatever their size; signed zero kept, NaN for +-inf and NaN.

    Constraints:
    - (C1) type(result) = type(x)
  }];
}
