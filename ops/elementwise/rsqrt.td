// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RsqrtOp : Kiln_UnaryOp<"rsqrt", "Rsqrt", Kiln_Float, Partials<[(mul (Num<"-0.5">), (div $result, $x))]>, Ulp<2>> {
  let summary = "Reciprocal square root, elementwise";
  let description = [{
    `result[i] = 1 / sqrt(x[i])`; rsqrt(0) = inf, rsqrt(-0) = -inf, rsqrt(inf) = 0.

    Constraints:
    - (C1) type(result) = type(x)
  }];
  let sweep = "positive";
}
