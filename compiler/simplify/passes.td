// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
include "compiler/dialect/pass_base.td"

def InlineCalls : Kiln_Pass<"kiln-inline-calls", "::mlir::ModuleOp"> {
  let summary = "Replaces every call by the body of its function and drops functions that are no entries";
  let gives = ["no-calls"];
  let description = [{
    The callee's dimension symbols become the dims of the arguments. Callees are inlined first, so bodies hold no calls when
    they are copied; the graph has been checked to have no recursion.

    ```mlir
    %y = kiln.call %x {callee = @square} : (tensor<4xf32>) -> tensor<4xf32>
    // becomes
    %y = kiln.mul %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ```
  }];
}

def FoldIdentities : Kiln_Pass<"kiln-fold-identities", ""> {
  let summary = "Removes ops that change nothing and constants that can be computed now";
  let description = [{
    Patterns to a fixed point: identities that hold bit for bit (`x * 1`, `x - 0`, `-(-x)`, a transpose of a transpose, a reshape
    to the same shape), and ops whose operands are small constants, computed by the ops' reference implementations. Ops without
    users go. Does nothing for `x + 0.0` (wrong for -0) or `x * 0` (wrong for NaN).

    ```mlir
    %1 = kiln.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
    %2 = kiln.neg %1 : (tensor<4xf32>) -> tensor<4xf32>
    // becomes %0
    ```
  }];
}

def ExpandComposites : Kiln_Pass<"kiln-expand-composites", ""> {
  let summary = "Writes composite ops (convolutions, norms, losses, optimizer steps ...) as primitive ones";
  let gives = ["primitive-ops"];
  let description = [{
    Runs after differentiation, which has expanded the composites that are differentiated through their parts; the others have
    rules of their own, stabler or smaller than those of their parts.

    ```mlir
    %y = kiln.softmax %x : (tensor<4x8xf32>) -> tensor<4x8xf32>
    // becomes
    %m = kiln.reduce_max %x {axes = [1], keep_dims = true} ...
    %e = kiln.exp(%x - broadcast %m)
    %s = kiln.reduce_sum %e {axes = [1], keep_dims = true} ...
    %y = kiln.div %e, broadcast %s
    ```
  }];
}
