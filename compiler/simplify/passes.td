// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
include "compiler/dialect/pass_base.td"

def InlineCalls : Kiln_Pass<"kiln-inline-calls", "::mlir::ModuleOp"> {
  let summary = "Replaces every call by the body of its function, opens the functions of loops and branches, and drops functions that are no entries";
  let gives = ["no-calls"];
  let description = [{
    Ops that name functions (if_else, scan ...) become ops with regions (kiln.branch, kiln.loop ...), into which the functions are
    copied; what a function only captured is read from outside. The callee's dimension symbols become the dims of the arguments. Callees are inlined first, so bodies hold no calls when
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

def SimplifyLoops : Kiln_Pass<"kiln-simplify-loops", ""> {
  let summary = "Removes loops and branches whose way is known, counts those that can be, and drops values that nobody reads";
  let description = [{
    A branch on a constant becomes its region; a loop of no step its initial values, one of one step its body. `while (c < n)` over a
    counter becomes a loop that is counted before it starts, so that its values can be stacked. Carries that are never read or
    never change go, and so do rows and stacked results without a reader. Does nothing where a fault would be lost.

    ```mlir
    %r:2 = kiln.loop carries(%x, %y) body {
    ^bb0(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>):
      %0 = kiln.mul %a, %b : (tensor<f32>, tensor<f32>) -> tensor<f32>
      kiln.yield %0, %b : tensor<f32>, tensor<f32>
    } {length = #kiln.shape<[9]>} : (tensor<f32>, tensor<f32>) -> (tensor<f32>, tensor<f32>)
    // becomes
    %r = kiln.loop carries(%x) body {
    ^bb0(%i: tensor<i64>, %a: tensor<f32>):
      %0 = kiln.mul %a, %y : (tensor<f32>, tensor<f32>) -> tensor<f32>
      kiln.yield %0 : tensor<f32>
    } {length = #kiln.shape<[9]>} : (tensor<f32>) -> tensor<f32>
    ```
  }];
}

def HoistInvariants : Kiln_Pass<"kiln-hoist-invariants", ""> {
  let summary = "Moves what every step of a loop would compute again to before the loop";
  let description = [{
    Ops of a loop's body and condition whose operands lie outside. Ops that may fault stay, since the loop may have no step.

    ```mlir
    %r = kiln.loop carries(%x) body {
    ^bb0(%i: tensor<i64>, %a: tensor<f32>):
      %0 = kiln.exp %y : (tensor<f32>) -> tensor<f32>     // moves before the loop
      %1 = kiln.mul %a, %0 : (tensor<f32>, tensor<f32>) -> tensor<f32>
      kiln.yield %1 : tensor<f32>
    } ...
    ```
  }];
  let statistics = [Statistic<"numHoisted", "num-hoisted", "Ops moved out of loops">];
}

def SimplifyPowers : Kiln_Pass<"kiln-simplify-powers", ""> {
  let summary = "Writes powers whose exponent is a small multiple of one half as products, quotients and roots";
  let description = [{
    Runs after differentiation, whose rule for powers is simpler than that of the parts. Exponents that are not whole need a base
    that is known not to be negative (a square, an exponential, sums of them), for which the root has pow's special values too.

    ```mlir
    %r = kiln.mul %x, %x : (tensor<f32>, tensor<f32>) -> tensor<f32>
    %p = kiln.pow %r, %minus_three_halves : (tensor<f32>, tensor<f32>) -> tensor<f32>
    // becomes
    %s = kiln.sqrt %r
    %p = (1 / %r) * (1 / %s)
    ```
  }];
}
