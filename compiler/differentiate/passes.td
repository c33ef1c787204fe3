// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef KILN_COMPILER_DIFFERENTIATE_PASSES_TD
#define KILN_COMPILER_DIFFERENTIATE_PASSES_TD

include "compiler/dialect/pass_base.td"

def ExpandDerivatives : Kiln_Pass<"kiln-expand-derivatives", "::mlir::ModuleOp"> {
  let summary = "Replaces kiln.vjp and kiln.jvp by the ops that compute the derivatives";
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
    Does nothing to a module without regions. Costs time in proportion to the ops that it makes.
  }];
}

#endif
