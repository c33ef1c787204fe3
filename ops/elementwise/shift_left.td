// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_ShiftLeftOp : Kiln_BinaryOp<"shift_left", "ShiftLeft", Kiln_Int, NotDifferentiable<"bits have no derivative">, Exact, [Pure]> {
  let summary = "Shift of bits to the left, elementwise";
  let description = [{
    `result[i] = x[i] * 2^y[i]`, wrapping around; 0 where y[i] is negative or not below the number of bits.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
