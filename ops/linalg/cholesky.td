// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_CholeskyOp : Kiln_Op<"cholesky", "linalg", [NoMemoryEffect]> {
  let arguments = (ins Kiln_WideFloat:$a);
  let results = (outs Kiln_WideFloat:$result);
  let derivative = RuleInCpp;
  let tolerance = Ulp<64>;
  let library = 1;
  let mayFault = 1;
  let sweep = "custom";
  let example = [{{"a": [[4, 2], [2, 5]]} }];
  let summary = "Cholesky decomposition";
  let description = [{
    The lower triangular L with a positive diagonal for which `L L^T = a`; the matrices are the last two axes, the others a
    batch. Only the lower triangle of a is read; a is taken as symmetric, and so is its gradient (Murray, "Differentiation
    of the Cholesky decomposition", 2016). A matrix that is not positive definite ends the run with KILN-R0032.

    Constraints:
    - (C1) a has two or more axes, and the last two are equal
    - (C2) type(result) = type(a)
  }];
}
