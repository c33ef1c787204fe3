// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_Atan2Op : Kiln_BinaryOp<"atan2", "Atan2", Kiln_Float, Partials<[(div (div $x, (hypot $x, $y)), (hypot $x, $y)), (neg (div (div $y, (hypot $x, $y)), (hypot $x, $y)))]>, Ulp<4>, [Pure]> {
  let summary = "Angle of a point, elementwise";
  let description = [{
    `result[i]` is the angle in [-pi, pi] from the first axis to the point (x[i], y[i]). The ordinate y is the
    first operand, as in C, whose special values it has: atan2(0, 0) = 0, atan2(0, -0) = pi, infinite coordinates
    count as limits.

    Constraints:
    - (C1) type(y) = type(x) = type(result)
  }];
  let arguments = (ins Kiln_Float:$y, Kiln_Float:$x);
}
