// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef KILN_COMPILER_DIFFERENTIATE_PASSES_TD
#define KILN_COMPILER_DIFFERENTIATE_PASSES_TD

include "compiler/dialect/pass_base.td"

def ExpandDerivatives : Kiln_Pass<"kiln-expand-derivatives", "::mlir::ModuleOp"> {
  let summary = "Replaces kiln.vjp, kiln.jvp and kiln.vmap by the ops that compute the derivatives and batches";
  let gives = ["no-derivative-regions"];
  let description = [{
    Innermost regions first, so that any order of derivatives works. Calls within a region are inlined. The forward ops of a
    region move out of it; where the function computes them too, CSE merges the two afterwards.

    Before:
    ```mlir
    %g = kiln.vjp(%x) {
    ^bb0(%a: tensor<f32>):
      %y = kiln.tanh %a : (tensor<f32>) -> tensor<f32>
      kiln.yield %y : tensor<f32>
    } : (tensor<f32>) -> tensor<f32>
    ```
    After:
    ```mlir
    %y = kiln.tanh %x
    %s = kiln.mul %y, %y
    %d = kiln.sub %one, %s
    %g = kiln.mul %one, %d
    ```
    The gradient of a loop is two: one that stacks the carries from before each step, and one in reverse (marked
    `kiln.adjoint`) that reads them; a loop whose steps only the run knows is counted first, by a copy of it, and the count
    bound to a dimension symbol. What `kiln.recompute` holds is computed again for its gradient. Then these regions and
    `kiln.custom_vjp` are inlined. Does nothing to a module without regions. Costs time in proportion to the ops that it makes.
  }];
}

def MergeLoops : Kiln_Pass<"kiln-merge-loops", "::mlir::func::FuncOp"> {
  let summary = "Lets a loop that computes all that another one does take its place, and drops what no loop needs";
  let description = [{
    A function that computes both a loop and its gradient has the loop twice, once with more results. Where two loops of a
    block begin alike, run the same steps and the one's ops are among the other's, the other serves both. Carries, scanned
    and stacked values without use are taken out of every loop.

    ```mlir
    %a = kiln.loop carries(%x) body {...}                 // h <- f(h)
    %b, %s = kiln.loop carries(%x) body {...}             // h <- f(h), each h stacked
    // becomes the second, which is used for both
    ```
    Quadratic in the loops of a block.
  }];
}

def KeepValues : Kiln_Pass<"kiln-keep-values", "::mlir::func::FuncOp"> {
  let summary = "Chooses for every differentiated loop what to keep of its steps and what to compute again";
  let needs = ["no-derivative-regions"];
  let gives = ["no-derivative-regions"];
  let description = [{
    A sweep that an expansion made (`kiln.adjoint`) reads the carries of every step and computes the step again. Here the
    least set of values is found from which it can be done without repeating expensive work (a cut of least bytes between
    what the forward loop has and what the cotangents meet), and the forward loop stacks these instead:

    ```mlir
    // buffer = scatter(buffer, i, tanh(gather(buffer, j))): 2 rows are stacked for each step, not the buffer
    ```
    Under a memory limit loops whose values do not fit keep the least from which all can be computed again, and those that
    still do not fit become `kiln.unwind`, with as many checkpoints as fit. Errors: KILN-C0203 when not even two fit.
    Costs a flow of augmenting paths per loop, in practice linear in the ops of its body.
  }];
  let options = [Option<"memLimit", "mem-limit", "int64_t", "0", "Bytes for the kept values of all loops; 0: no limit">];
}

def SumAfterLoops : Kiln_Pass<"kiln-sum-after-loops", "::mlir::func::FuncOp"> {
  let summary = "Makes a sum of matrix products over the steps of a loop one product after the loop";
  let description = [{
    ```mlir
    %sum = kiln.loop carries(%zero) scanned(%a, %b) body { %sum + a^T b }
    // becomes, with the rows of all steps one under the other
    %sum = kiln.matmul %a_rows, %b_rows {transpose_a = true}
    ```
    Only for sums that begin with zero, of loops that run all steps, when the factors are scanned already or can be stacked
    within the memory limit.
  }];
  let options = [Option<"memLimit", "mem-limit", "int64_t", "0", "Bytes that may be stacked for it; 0: no limit">];
}

def ScatterInPlace : Kiln_Pass<"kiln-scatter-in-place", "::mlir::func::FuncOp"> {
  let summary = "Makes a sum with what was scattered into zeros a scatter into the sum";
  let description = [{
    ```mlir
    %s = kiln.scatter_add %zeros, %i, %u
    %y = kiln.add %x, %s
    // becomes, which may be written over x
    %y = kiln.scatter_add %x, %i, %u
    ```
    Not when the scattered value has other uses.
  }];
}

#endif
