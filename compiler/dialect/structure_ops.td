// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that only the compiler makes: differentiation regions and kernels.
#ifndef KILN_COMPILER_DIALECT_STRUCTURE_OPS_TD
#define KILN_COMPILER_DIALECT_STRUCTURE_OPS_TD

include "ops/spec/base.td"

class Kiln_StructureOp<string mnemonic, list<Trait> traits> : Op<Kiln_Dialect, mnemonic, traits> {
  let hasVerifier = 1;
}

def Kiln_VjpOp : Kiln_StructureOp<"vjp", [AttrSizedOperandSegments, SingleBlock, NoMemoryEffect]> {
  let summary = "Gradients of a region's results for its arguments";
  let description = [{
    The region computes the ys from its arguments, which stand for the xs; values from outside are constants to it. Result i
    is the sum over the ys of the vector-Jacobian product with the seeds for x i. Without seeds every y is a float scalar and
    its seed is 1. Regions nest, which is how higher orders are written.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$xs, Variadic<AnyRankedTensor>:$seeds);
  let regions = (region AnyRegion:$body);
  let results = (outs Variadic<AnyRankedTensor>:$gradients);
  let assemblyFormat = "`(` $xs `)` (`seeds` `(` $seeds^ `)`)? $body attr-dict `:` functional-type(operands, results)";
}

def Kiln_JvpOp : Kiln_StructureOp<"jvp", [AttrSizedOperandSegments, SingleBlock, NoMemoryEffect]> {
  let summary = "Tangents of a region's results";
  let description = [{
    The region computes the ys from its arguments, as in `kiln.vjp`. Result i is the directional derivative of y i when each x
    moves along its tangent.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$xs, Variadic<AnyRankedTensor>:$tangents);
  let regions = (region AnyRegion:$body);
  let results = (outs Variadic<AnyRankedTensor>:$directional);
  let assemblyFormat = "`(` $xs `)` `tangents` `(` $tangents `)` $body attr-dict `:` functional-type(operands, results)";
}

def Kiln_KernelOp : Kiln_StructureOp<"kernel", [IsolatedFromAbove, SingleBlock, NoMemoryEffect]> {
  let summary = "Ops that become one kernel";
  let description = [{
    The body computes the results from its arguments, which are the inputs. `kind` names the loop structure, which `fuse`
    decides. `may_alias` lists [result, input] pairs where the result may be written over the input.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs, StrAttr:$name, StrAttr:$kind, OptionalAttr<ArrayAttr>:$may_alias);
  let regions = (region AnyRegion:$body);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "$name `kind` `(` $kind `)` `ins` `(` $inputs `)` $body attr-dict `:` functional-type(operands, results)";
}

def Kiln_YieldOp : Kiln_StructureOp<"yield", [Pure, Terminator]> {
  let summary = "Ends a region with its results";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 0;
}

#endif
