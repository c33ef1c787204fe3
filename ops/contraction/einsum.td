// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
def Kiln_EinsumOp : Kiln_Op<"einsum", "contraction", [Pure]> {
  let arguments = (ins Variadic<Kiln_Numeric>:$inputs, StrAttr:$equation);
  let results = (outs Kiln_Numeric:$result);
  let derivative = ThroughExpansion;
  let tolerance = SumUlp<64>;
  let composite = 1;
  let customBuilder = 1;
  let sweep = "custom";
  let summary = "Products of tensors summed over labelled axes";
  let example = [{{"inputs": [[[1, 2], [3, 4]], [5, 6]], "equation": "ij,j->i"} }];
  let description = [{
    Each operand has a term in `equation`, a letter a-z or A-Z for each axis; after `->` come the letters of the result, and letters that are not among them are summed over (numpy.einsum). Without `->` the result has the letters that occur once, in alphabetical order with capitals first. A letter twice in a term means the diagonal. `...` stands for the axes that have no letter: aligned from the last, with broadcasting of axes of length 1; in the result they are first when there is no `->`. Spaces have no meaning. Operands are multiplied pairwise from left to right; integers wrap around.

    Constraints:
    - (C1) at least one input, all of one dtype
    - (C2) equation has a term for each input, of letters, at most one `...`, and at most one `->`
    - (C3) a term has as many letters as its input has axes, or at most as many beside `...`
    - (C4) axes with the same letter have the same length
    - (C5) letters of the result occur in a term, and once in the result; `...` occurs in it when a term has axes for it
  }];
}
