// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
include "compiler/dialect/pass_base.td"

def FoldTransposes : Kiln_Pass<"kiln-fold-transposes", "::mlir::func::FuncOp"> {
  let summary = "Turns transposes of the operands of a matrix product into its flags";
  let needs = ["primitive-ops"];
  let gives = ["primitive-ops"];
  let description = [{
    For each `kiln.matmul` whose operand exchanges its last two axes and no others. Kernels read either order, so the copy is saved.

    ```mlir
    %t = kiln.transpose %a {permutation = array<i64: 1, 0>} : (tensor<64x32xf32>) -> tensor<32x64xf32>
    %y = kiln.matmul %t, %b : (tensor<32x64xf32>, tensor<64x8xf32>) -> tensor<32x8xf32>
    // becomes
    %y = kiln.matmul %a, %b {transpose_a = true} : (tensor<64x32xf32>, tensor<64x8xf32>) -> tensor<32x8xf32>
    ```
    A transpose with other users stays for those. What a loop reads in every step is the other way round: a transpose from
    before the loop stays, and an operand from there that the flags transpose is transposed once, before the loop. Linear in
    the ops.
  }];
  let statistics = [Statistic<"numFolded", "num-folded", "Transposes folded">,
                    Statistic<"numHoisted", "num-hoisted", "Transposes made before a loop">];
}

def FormKernels : Kiln_Pass<"kiln-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "Groups the ops of an entry into kernels";
  let needs = ["primitive-ops"];
  let gives = ["kernels-formed"];
  let description = [{
    Every op ends in a `kiln.kernel`; constants of several values stay beside them. Ops are taken in program order, and each joins the
    kernel of a producer when both run over the same elements and no path leads from one to the other outside. Ops that only
    say where an element is (broadcast, reshape, slice, iota, one_hot, splats) belong to no kernel: each user gets a copy.

    ```mlir
    %0 = kiln.mul %x, %s : (tensor<?x64xf32, ...>, ...) -> ...
    %1 = kiln.tanh %0 : ...
    // becomes
    %1 = kiln.kernel "tanh" kind("loop") ins(%x, %s) { ^bb0(%a: ..., %b: ...): ... kiln.yield ... } {may_alias = [[0, 0]]} : ...
    ```
    Kernels are formed in every block. Loops, branches and `bind_dim` stay beside them, or become one kernel of kind `native`;
    a region gets copies of the index ops from outside that its kernels contain, and constants move to the entry block.
    The search for such paths visits a bounded number of kernels, and kernels have a bounded size, so the pass is linear in
    the ops. With `explain`, a remark says for each pair of neighbours that stay apart why. Functions that are no entries
    are left alone.
  }];
  let options = [Option<"explain", "explain", "bool", "false", "Say why neighbouring ops are not one kernel">];
  let statistics = [Statistic<"numKernels", "num-kernels", "Kernels formed">];
}
