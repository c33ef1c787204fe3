// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_FmaOp : Kiln_TernaryOp<"fma", "Fma", Kiln_Numeric, Partials<[(get $y), (get $x), (One)]>, Exact> {
  let summary = "Product plus a third operand with one rounding, elementwise";
  let description = [{
    `result[i] = x[i] * y[i] + z[i]`. Floats are rounded once (IEEE 754 fusedMultiplyAdd), on every machine;
    integers wrap around.

    Constraints:
    - (C1) type(x) = type(y) = type(z) = type(result)
  }];
}
