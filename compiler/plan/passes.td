// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
include "compiler/dialect/pass_base.td"

def PlanMemory : Kiln_Pass<"kiln-plan-memory", "::mlir::func::FuncOp"> {
  let summary = "Orders kernels and gives every value of an entry its place in memory";
  let needs = ["kernels-formed"];
  let gives = ["kernels-formed", "memory-planned"];
  let description = [{
    Kernels that nothing needs go; those that write variables in place move to the end, where nothing can fail. Results that
    are fetched are written to the caller's buffers, results that are assigned to the variable itself when every reader of
    its old value runs before, the rest to one arena:

    ```mlir
    %0 = kiln.kernel "step" kind("loop") ins(%w, %g) {...} {may_alias = [[0, 0]]} : ...
    // becomes
    %0 = kiln.kernel "step" kind("loop") ins(%w, %g) {...} {kiln.commit, kiln.out = ["variable 0"], may_alias = [[0, 0]]} : ...
    ```
    Functions that are no entries are left alone. Linear in the kernels but for packing, which compares every buffer with
    those placed before.
  }];
  let statistics = [Statistic<"numInPlace", "num-in-place", "Variables updated in place">,
                    Statistic<"numCopied", "num-copied", "Variables copied in the commit">];
}
