// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ShiftRightOp : Kiln_BinaryOp<"shift_right", "ShiftRight", Kiln_Int, NotDifferentiable<"bits have no derivative">, Exact, [Pure]> {
  let summary = "Shift of bits to the right, elementwise";
  let description = [{
    `result[i] = floor(x[i] / 2^y[i])`: signed integers are filled with their sign, unsigned ones with 0. Where
    y[i] is negative or not below the number of bits all bits are shifted out: -1 for negative x[i], else 0.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
