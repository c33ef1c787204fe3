// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/capi/handles.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace kiln::capi {
namespace {

struct ThreadError {
  std::string message, id;
};

ThreadError& threadError() {
  thread_local ThreadError error;
  return error;
}

Status addSpecs(const std::vector<TensorSpec>& specs, const std::vector<std::string>& foundSymbols, SpecTexts& into) {
  for (const TensorSpec& spec : specs) {
    if (spec.shape.rank() > KILN_MAX_RANK) {
      return makeError<ErrorId::kR0310>("'" + spec.name + "'", "it has " + std::to_string(spec.shape.rank()) +
                                                                   " axes; kiln.h has tensors of up to " +
                                                                   std::to_string(KILN_MAX_RANK));
    }
    bool isFound = false;
    for (int axis = 0; axis < spec.shape.rank(); ++axis) {
      for (const std::string& symbol : spec.shape[axis].symbols()) {
        isFound |= std::ranges::find(foundSymbols, symbol) != foundSymbols.end();
      }
    }
    into.push_back(std::make_unique<SpecText>(spec.name, spec.dtype, spec.shape, isFound));
  }
  return Status();
}

}  // namespace

SpecText::SpecText(const std::string& name, DType dtype, const Shape& shape, bool isFound) : name_(name) {
  spec_.dtype = static_cast<int32_t>(dtype);
  spec_.rank = shape.rank();
  spec_.found = isFound ? 1 : 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    text_.push_back(shape[axis].toString());
    spec_.dims[axis] = shape[axis].isStatic() ? shape[axis].value() : -1;
  }
  for (const std::string& text : text_) {
    pointers_.push_back(text.c_str());
  }
  spec_.name = name_.c_str();
  spec_.text = pointers_.data();
}

StatusOr<std::shared_ptr<const kiln_signature>> Model::signatureOf(const std::string& entry) {
  std::lock_guard<std::mutex> lock(mutex);
  if (auto found = signatures.find(entry); found != signatures.end()) {
    return found->second;
  }
  auto signature = std::make_shared<kiln_signature>();
  signature->entry = entry;
  KILN_ASSIGN_OR_RETURN(signature->executable,
                        source->find({.entry = entry, .feeds = {}, .fetches = {}, .targets = {}}, {}));
  const EntryManifest& manifest = signature->executable->manifest;
  KILN_RETURN_IF_ERROR(addSpecs(manifest.feeds, {}, signature->feeds));
  KILN_RETURN_IF_ERROR(addSpecs(manifest.fetches, manifest.foundSymbols, signature->fetches));
  signatures.emplace(entry, signature);
  return std::shared_ptr<const kiln_signature>(std::move(signature));
}

kiln_code report(const Status& status) noexcept {
  if (status.ok()) [[likely]] {
    return KILN_OK;
  }
  try {
    ThreadError& error = threadError();
    error.message.assign(status.message().data(), status.message().size());
    error.id = errorIdOf(status).value_or("");
    return static_cast<kiln_code>(status.code());
  } catch (...) {
    return reportNoMemory();
  }
}

kiln_code reportNoMemory() noexcept {
  // Short enough to need no memory.
  threadError().message = "out of memory";
  threadError().id = "KILN-R0028";
  return KILN_RESOURCE_EXHAUSTED;
}

Status misuse(const char* function, const std::string& what) { return makeError<ErrorId::kR0310>(function, what); }

Status requirePointer(const char* function, const char* name, const void* pointer) {
  return pointer != nullptr ? Status() : misuse(function, std::string(name) + " is null");
}

StatusOr<TensorView> shapeOf(const char* function, const char* what, const kiln_tensor& tensor) {
  if (!isKnownDType(tensor.dtype) || bitWidth(static_cast<DType>(tensor.dtype)) == 0) {
    return misuse(function, std::string(what) + ": dtype " + std::to_string(tensor.dtype) + " is no type of elements");
  }
  if (tensor.rank < 0 || tensor.rank > KILN_MAX_RANK) {
    return misuse(function, std::string(what) + ": rank is " + std::to_string(tensor.rank) + ", wanted 0 to " +
                                std::to_string(KILN_MAX_RANK));
  }
  return TensorView{static_cast<DType>(tensor.dtype), {tensor.dims, static_cast<size_t>(tensor.rank)}, tensor.data};
}

StatusOr<TensorView> viewOf(const char* function, const std::string& what, const kiln_tensor& tensor) {
  KILN_ASSIGN_OR_RETURN(TensorView view, shapeOf(function, what.c_str(), tensor));
  const int64_t bytes = kiln_tensor_bytes(tensor.dtype, tensor.rank, tensor.dims);
  if (bytes < 0) {
    return misuse(function, what + ": " + Shape::of({view.dims.begin(), view.dims.end()}).toString() + " is no shape");
  }
  if (static_cast<uint64_t>(bytes) > tensor.size || (bytes > 0 && tensor.data == nullptr)) {
    return misuse(function, what + ": data has " + std::to_string(tensor.data == nullptr ? 0 : tensor.size) +
                                " bytes, wanted " + std::to_string(bytes));
  }
  return view;
}

void describe(DType dtype, std::span<const int64_t> dims, kiln_tensor& tensor) {
  tensor.dtype = static_cast<int32_t>(dtype);
  tensor.rank = static_cast<int32_t>(dims.size());
  std::ranges::copy(dims, tensor.dims);
}

void own(Tensor value, kiln_tensor& tensor) {
  if (tensor.owner == nullptr) {
    tensor.owner = new Tensor();
  }
  auto& owned = *static_cast<Tensor*>(tensor.owner);
  owned = std::move(value);
  describe(owned.dtype(), owned.dims(), tensor);
  tensor.data = owned.mutableData();
  tensor.size = static_cast<size_t>(owned.numBytes());
}

Status place(const char* function, const std::string& what, Tensor value, kiln_tensor& tensor) {
  if (value.rank() > KILN_MAX_RANK) {
    return misuse(function, what + ": it has " + std::to_string(value.rank()) + " axes");
  }
  if (tensor.data == nullptr || tensor.owner != nullptr) {
    own(std::move(value), tensor);
    return Status();
  }
  const auto bytes = static_cast<size_t>(value.numBytes());
  if (tensor.size < bytes) {
    return misuse(function,
                  what + ": the buffer has " + std::to_string(tensor.size) + " bytes, wanted " + std::to_string(bytes));
  }
  describe(value.dtype(), value.dims(), tensor);
  if (bytes > 0) {
    std::memcpy(tensor.data, value.data(), bytes);
  }
  return Status();
}

}  // namespace kiln::capi

using kiln::capi::threadError;

extern "C" {

uint32_t kiln_api_version(void) { return KILN_API_VERSION; }

const char* kiln_error_message(void) { return threadError().message.c_str(); }
const char* kiln_error_id(void) { return threadError().id.c_str(); }

void kiln_tensor_free(kiln_tensor* tensor) {
  if (tensor == nullptr || tensor->owner == nullptr) {
    return;
  }
  delete static_cast<kiln::Tensor*>(tensor->owner);
  tensor->data = nullptr;
  tensor->size = 0;
  tensor->owner = nullptr;
}

const char* kiln_dtype_name(int32_t dtype) {
  const bool isType = kiln::isKnownDType(dtype) && kiln::bitWidth(static_cast<kiln::DType>(dtype)) > 0;
  return isType ? kiln::toString(static_cast<kiln::DType>(dtype)).data() : nullptr;  // names are literals
}

int64_t kiln_tensor_bytes(int32_t dtype, int32_t rank, const int64_t* dims) {
  if (kiln_dtype_name(dtype) == nullptr || rank < 0 || rank > KILN_MAX_RANK || (rank > 0 && dims == nullptr)) {
    return -1;
  }
  auto count = kiln::checkedNumElements({dims, static_cast<size_t>(rank)});
  // So many elements of any type can be counted in bits.
  return count && *count <= (int64_t{1} << 56) ? kiln::byteSize(static_cast<kiln::DType>(dtype), *count) : -1;
}

}  // extern "C"
