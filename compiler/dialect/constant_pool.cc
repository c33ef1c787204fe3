// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/dialect/constant_pool.h"

#include <cstring>

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace kiln::compiler {
namespace {

mlir::RankedTensorType typeOf(mlir::MLIRContext* context, const Tensor& tensor) {
  return mlir::RankedTensorType::get(tensor.dims(), elementType(context, tensor.dtype()));
}

}  // namespace

bool isSplat(const Tensor& tensor) {
  int64_t count = tensor.numElements();
  if (count == 0) {
    return false;
  }
  size_t size = static_cast<size_t>(byteSize(tensor.dtype(), 1));
  const char* bytes = static_cast<const char*>(tensor.data());
  return count == 1 || std::memcmp(bytes, bytes + size, static_cast<size_t>(count - 1) * size) == 0;
}

mlir::DenseElementsAttr denseAttr(mlir::MLIRContext* context, const Tensor& tensor) {
  auto type = typeOf(context, tensor);
  size_t count = isSplat(tensor) ? 1 : static_cast<size_t>(tensor.numElements());
  if (tensor.dtype() == DType::kBool) {
    return mlir::DenseElementsAttr::get(type, llvm::ArrayRef<bool>(tensor.data<bool>(), count));
  }
  size_t bytes = static_cast<size_t>(byteSize(tensor.dtype(), static_cast<int64_t>(count)));
  return mlir::DenseElementsAttr::getFromRawBuffer(
      type, llvm::ArrayRef<char>(static_cast<const char*>(tensor.data()), bytes));
}

Tensor tensorOfDense(mlir::DenseElementsAttr attribute) {
  Tensor tensor(dtypeOf(attribute.getElementType()), attribute.getType().getShape().vec());
  int64_t count = tensor.numElements();
  if (count == 0) {
    return tensor;
  }
  if (tensor.dtype() == DType::kBool) {
    bool* out = tensor.mutableData<bool>();
    for (bool element : attribute.getValues<bool>()) {
      *out++ = element;
    }
    return tensor;
  }
  llvm::ArrayRef<char> raw = attribute.getRawData();
  char* out = static_cast<char*>(tensor.mutableData());
  if (attribute.isSplat()) {
    size_t size = static_cast<size_t>(byteSize(tensor.dtype(), 1));
    for (int64_t i = 0; i < count; ++i) {
      std::memcpy(out + static_cast<size_t>(i) * size, raw.data(), size);
    }
  } else {
    std::memcpy(out, raw.data(), static_cast<size_t>(tensor.numBytes()));
  }
  return tensor;
}

mlir::ElementsAttr ConstantPool::attributeOf(mlir::MLIRContext* context, const TensorPtr& tensor) {
  auto [entry, isNew] = byTensor_.try_emplace(tensor.get());
  if (!isNew) {
    return entry->second;
  }
  if (tensor->numElements() <= kMaxInlineElements || isSplat(*tensor)) {
    entry->second = denseAttr(context, *tensor);
    byKey_.emplace("kept/" + std::to_string(byKey_.size()),
                   tensor);  // the map's key is the tensor's address: it must stay taken
    return entry->second;
  }
  llvm::ArrayRef<char> bytes(static_cast<const char*>(tensor->data()), static_cast<size_t>(tensor->numBytes()));
  // The blob's deleter owns a share of the tensor, so the attribute may outlive the pool.
  mlir::AsmResourceBlob blob = mlir::UnmanagedAsmResourceBlob::allocateWithAlign(
      bytes, kBufferAlignment, [keep = tensor](void*, size_t, size_t) mutable { keep.reset(); });
  auto handle = mlir::DenseResourceElementsHandle::getManagerInterface(context).insert("constant", std::move(blob));
  byKey_[handle.getKey().str()] = tensor;
  entry->second = mlir::DenseResourceElementsAttr::get(typeOf(context, *tensor), handle);
  return entry->second;
}

TensorPtr ConstantPool::tensorOf(mlir::ElementsAttr attribute) {
  if (auto dense = llvm::dyn_cast<mlir::DenseElementsAttr>(attribute)) {
    return std::make_shared<const Tensor>(tensorOfDense(dense));
  }
  auto resource = llvm::cast<mlir::DenseResourceElementsAttr>(attribute);
  std::string key = resource.getRawHandle().getKey().str();
  auto found = byKey_.find(key);
  if (found != byKey_.end()) {
    return found->second;
  }
  // From text: the bytes are the parser's.
  auto tensor = std::make_shared<Tensor>(dtypeOf(resource.getShapedType().getElementType()),
                                         resource.getShapedType().getShape().vec());
  if (mlir::AsmResourceBlob* blob = resource.getRawHandle().getBlob()) {
    std::memcpy(tensor->mutableData(), blob->getData().data(),
                std::min<size_t>(blob->getData().size(), static_cast<size_t>(tensor->numBytes())));
  }
  byKey_[key] = tensor;
  return tensor;
}

TensorPtr tensorOf(mlir::ElementsAttr attribute, ConstantPool& pool) { return pool.tensorOf(attribute); }

}  // namespace kiln::compiler
