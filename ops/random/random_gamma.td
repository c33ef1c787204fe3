// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_RandomGammaOp : Kiln_Op<"random_gamma", "random", [Pure]> {
  let arguments = (ins Kiln_RandomState:$state, Kiln_Float:$concentration, I64Attr:$op_id);
  let results = (outs Kiln_Float:$result);
  let derivative = NotDifferentiable<"a draw is not differentiated with respect to its concentration">;
  let tolerance = Ulp<16>;
  let library = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Random numbers, gamma";
  let example = [{{"state": [42, 3], "op_id": 7, "concentration": [0.5, 1, 9]} }];
  let description = [{
    `result[i]` has the gamma distribution with shape parameter concentration[i] and rate 1, by the method of Marsaglia and Tsang (A simple method for generating gamma variables, ACM TOMS 26, 2000) with at most 16 tries, each of which is accepted with a probability above 0.95; random/gamma.h says what is drawn from which words. concentration 0 gives 0; a negative one, inf or NaN gives NaN.

    Constraints:
    - (C1) state is i64[2]: seed and step
    - (C2) type(result) = type(concentration)
  }];
}
