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

def Kiln_VmapOp : Kiln_StructureOp<"vmap", [SingleBlock, NoMemoryEffect]> {
  let summary = "A region of one example, for a batch";
  let description = [{
    The region computes results for one example from its arguments, which are slices of the xs along `in_axes`; values from
    outside are the same for all examples. Result j has the examples along axis `out_axes[j]`. `size` holds one dim, the number
    of examples.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$xs, DenseI64ArrayAttr:$in_axes, DenseI64ArrayAttr:$out_axes, Kiln_ShapeAttr:$size);
  let regions = (region AnyRegion:$body);
  let results = (outs Variadic<AnyRankedTensor>:$batched);
  let assemblyFormat = "`(` $xs `)` $body attr-dict `:` functional-type(operands, results)";
}

def Kiln_RecomputeOp : Kiln_StructureOp<"recompute", [SingleBlock, NoMemoryEffect]> {
  let summary = "A region whose values no gradient keeps";
  let description = [{
    The region computes the results from its arguments, which are the inputs. A gradient computes the region again from them.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs);
  let regions = (region AnyRegion:$body);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "`(` $inputs `)` $body attr-dict `:` functional-type(operands, results)";
}

def Kiln_CustomVjpOp : Kiln_StructureOp<"custom_vjp", [NoMemoryEffect]> {
  let summary = "A region with a gradient of its own";
  let description = [{
    `forward` computes the results from its arguments, which are the inputs. `backward` has the inputs, the results and a cotangent
    for each float result as arguments, and yields the cotangents of the float inputs.
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs);
  let regions = (region SizedRegion<1>:$forward, SizedRegion<1>:$backward);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "`(` $inputs `)` $forward `backward` $backward attr-dict `:` functional-type(operands, results)";
}

def Kiln_BranchOp : Kiln_StructureOp<"branch", [NoMemoryEffect]> {
  let summary = "The results of one of several regions";
  let description = [{
    Runs the region that `selector` names, a scalar: of two regions the first for true and the second for false, or the region
    with that number; a number out of range is a fault. Regions have no arguments; they read values from outside.
  }];
  let arguments = (ins AnyRankedTensor:$selector);
  let regions = (region VariadicRegion<SizedRegion<1>>:$branches);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = "`(` $selector `)` $branches attr-dict `:` functional-type(operands, results)";
}

def Kiln_LoopOp : Kiln_StructureOp<"loop", [AttrSizedOperandSegments, NoMemoryEffect]> {
  let summary = "Repeats a region";
  let description = [{
    The body has as arguments the step's number (tensor<i64>), the carries, and row i of each scanned value; it yields the next
    carries, then values for row i of the stacked results. Values from outside may be read. Results are the last carries, then
    the stacked values.

    How often: `count` times when it is given (a fault below 0 or above 2^40), else `length` times; with a `condition` region, which
    has the carries as arguments and yields a bool scalar, only while that holds before the step. `length` holds one dim: the
    first axis of the scanned and the stacked values, and the most steps there are; without it there are neither. Rows of steps
    that did not run are zero. `reverse`: from the last step to the first; not with a condition.
  }];
  let arguments = (ins Optional<AnyRankedTensor>:$count, Variadic<AnyRankedTensor>:$inits, Variadic<AnyRankedTensor>:$scanned,
                       OptionalAttr<Kiln_ShapeAttr>:$length, UnitAttr:$reverse);
  let regions = (region AnyRegion:$condition, SizedRegion<1>:$body);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    (`count` `(` $count^ `)`)? `carries` `(` $inits `)` (`scanned` `(` $scanned^ `)`)? (`while` $condition^)? `body` $body attr-dict
    `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    bool hasCondition() { return !getCondition().empty(); }
    unsigned getNumCarries() { return static_cast<unsigned>(getInits().size()); }
    unsigned getNumStacked() { return getNumResults() - getNumCarries(); }
    ::mlir::Block& getBodyBlock() { return getBody().front(); }
    /// The step's number in the body.
    ::mlir::BlockArgument getStep() { return getBodyBlock().getArgument(0); }
    ::mlir::Block::BlockArgListType getCarryArguments() {
      return getBodyBlock().getArguments().slice(1, getNumCarries());
    }
    ::mlir::Block::BlockArgListType getRowArguments() { return getBodyBlock().getArguments().drop_front(1 + getNumCarries()); }
  }];
}

def Kiln_UnwindOp : Kiln_StructureOp<"unwind", [AttrSizedOperandSegments, NoMemoryEffect]> {
  let summary = "Goes through the steps of a loop from the last to the first, within bounded memory";
  let description = [{
    `step` is the body of a loop without stacked results: from the step's number, the carries and the rows it yields the next
    carries. For i = n - 1 .. 0, `adjoint` has as arguments i, the carries before step i of that loop begun with `inits`, the
    cotangents, and the rows; it yields the next cotangents, then values for row i of the stacked results. n is `count`, else
    `length`. The carries are found again from at most `slots` kept ones (binomial checkpointing). Results are the last
    cotangents, then the stacked values.
  }];
  let arguments = (ins Optional<AnyRankedTensor>:$count, Variadic<AnyRankedTensor>:$inits, Variadic<AnyRankedTensor>:$cotangents,
                       Variadic<AnyRankedTensor>:$scanned, OptionalAttr<Kiln_ShapeAttr>:$length, I64Attr:$slots);
  let regions = (region SizedRegion<1>:$step, SizedRegion<1>:$adjoint);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let assemblyFormat = [{
    (`count` `(` $count^ `)`)? `carries` `(` $inits `)` `cotangents` `(` $cotangents `)` (`scanned` `(` $scanned^ `)`)? `step` $step
    `adjoint` $adjoint attr-dict `:` functional-type(operands, results)
  }];
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
