// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_BitwiseXorOp : Kiln_BinaryOp<"bitwise_xor", "BitwiseXor", Kiln_IntOrBool, NotDifferentiable<"bits have no derivative">, Exact, [Pure, Commutative]> {
  let summary = "Bitwise exclusive or, elementwise";
  let description = [{
    `result[i] = x[i] ^ y[i]`; of bools, logical_xor.

    Constraints:
    - (C1) type(x) = type(y) = type(result)
  }];
}
