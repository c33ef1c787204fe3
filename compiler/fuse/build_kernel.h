// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file From a cluster of ops to a kernel op.
#pragma once

#include <set>

#include "compiler/fuse/clusters.h"

namespace kiln::compiler {

/// Makes kernel ops of clusters, in the order in which they are given.
class KernelBuilder {
 public:
  /// Inserts before `end`.
  KernelBuilder(mlir::Operation* end, const ClusterFormer& former) : builder_(end), former_(former) {}

  /// Copies the ops of `cluster`, and the index ops that they need, into a kernel that reads the results of the kernels
  /// before it.
  KernelOp build(const Cluster& cluster);

  /// What stands for `value` now: the result of a kernel, or the value itself.
  Value resultFor(Value value) const {
    auto found = results_.find(value);
    return found == results_.end() ? value : found->second;
  }

 private:
  std::string nameFor(const Cluster& cluster);

  mlir::OpBuilder builder_;
  const ClusterFormer& former_;
  llvm::DenseMap<Value, Value> results_;
  std::set<std::string> names_;
};

/// The pairs [result, input] of a kernel where the result may be written over the input: the input is read nowhere but
/// at the position that is written, and not after.
mlir::ArrayAttr inPlacePairs(KernelOp kernel);

}  // namespace kiln::compiler
