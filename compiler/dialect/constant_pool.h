// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Constants of a module that share the graph's memory.
#pragma once

#include <map>
#include <string>

#include "compiler/dialect/dialect.h"

namespace kiln::compiler {

/// Maps the resource keys of a module's large constants to the tensors that hold them. Lives as long as the module; the
/// memory lives as long as either. Not thread-safe.
class ConstantPool {
 public:
  /// Tensors of at most so many elements are written in the text of the IR.
  static constexpr int64_t kMaxInlineElements = 64;

  /// Splats and small tensors become dense attributes, others resources over the tensor's own memory: nothing is
  /// copied.
  mlir::ElementsAttr attributeOf(mlir::MLIRContext* context, const TensorPtr& tensor);
  /// The tensor that an attribute stands for; the graph's own when it came from there.
  TensorPtr tensorOf(mlir::ElementsAttr attribute);

 private:
  std::map<std::string, TensorPtr> byKey_;
  std::map<const Tensor*, mlir::ElementsAttr> byTensor_;
};

/// The same, as a function.
TensorPtr tensorOf(mlir::ElementsAttr attribute, ConstantPool& pool);

/// A dense attribute with a copy of the tensor's elements, splat when all are equal.
mlir::DenseElementsAttr denseAttr(mlir::MLIRContext* context, const Tensor& tensor);
/// The tensor with the elements of a dense attribute.
Tensor tensorOfDense(mlir::DenseElementsAttr attribute);
/// True when every element of the tensor has the bits of the first; false for no elements.
bool isSplat(const Tensor& tensor);

}  // namespace kiln::compiler
