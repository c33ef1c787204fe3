// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From a cluster of ops to a kernel op.
#pragma once

#include <set>

#include "compiler/fuse/clusters.h"

namespace kiln::compiler {

/// Makes kernel ops of clusters, in the order in which they are given.
class KernelBuilder {
 public:
  /// Inserts before `end`. `names` are those of the kernels of the entry.
  KernelBuilder(mlir::Operation* end, const ClusterFormer& former, std::set<std::string>& names)
      : builder_(end), former_(former), names_(names) {}

  /// Copies the ops of `cluster`, and the index ops that they need, into a kernel that reads the results of the kernels
  /// before it.
  KernelOp build(const Cluster& cluster);

  /// Lets all that still reads the ops themselves read the kernels' results: loops, branches, the end of the block.
  void replaceUses();

  /// What stands for `value` now: the result of a kernel, or the value itself.
  Value resultFor(Value value) const {
    auto found = results_.find(value);
    return found == results_.end() ? value : found->second;
  }

 private:
  mlir::OpBuilder builder_;
  const ClusterFormer& former_;
  llvm::DenseMap<Value, Value> results_;
  std::set<std::string>& names_;
};

/// A name for a kernel that computes `op` last, unlike those of `names`, to which it is added.
std::string kernelName(mlir::Operation* op, std::set<std::string>& names);

/// Makes one kernel of kind `native` of a nest for which runsNatively() holds.
KernelOp buildNativeKernel(mlir::Operation* nest, std::set<std::string>& names);

/// The pairs [result, input] of a kernel where the result may be written over the input: the input is read nowhere but
/// at the position that is written, and not after.
mlir::ArrayAttr inPlacePairs(KernelOp kernel);

}  // namespace kiln::compiler
