// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/artifact_weights.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "proto/artifact/layout.h"
#include "proto/base/crc32c.h"

namespace kiln::compiler {
namespace {

// Constants that agree so far are compared whole; longer beginnings would only make the digest slower.
constexpr int64_t kDigestedBytes = 4096;

std::span<const uint8_t> bytesOf(const Tensor& tensor) {
  return {static_cast<const uint8_t*>(tensor.data()), static_cast<size_t>(tensor.numBytes())};
}

template <class T>
std::span<const uint8_t> bytesOfList(std::span<const T> list) {
  return {reinterpret_cast<const uint8_t*>(list.data()), list.size_bytes()};
}

uint64_t keyOf(const Tensor& tensor) {
  const std::array<int64_t, 2> head = {static_cast<int64_t>(tensor.dtype()), tensor.numBytes()};
  uint32_t key = crc32c(bytesOfList(std::span<const int64_t>(head)));
  key = crc32c(bytesOfList(std::span<const int64_t>(tensor.dims())), key);
  const auto bytes = bytesOf(tensor);
  return crc32c(bytes.first(std::min<size_t>(bytes.size(), kDigestedBytes)), key);
}

bool areEqual(const Tensor& a, const Tensor& b) {
  return &a == &b || (a.dtype() == b.dtype() && a.dims() == b.dims() &&
                      (a.numBytes() == 0 || std::memcmp(a.data(), b.data(), static_cast<size_t>(a.numBytes())) == 0));
}

// The types that safetensors has names for; others are stored as their bytes.
bool isSafetensorsType(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kI64:
    case DType::kI32:
    case DType::kI16:
    case DType::kI8:
    case DType::kU64:
    case DType::kU32:
    case DType::kU16:
    case DType::kU8:
    case DType::kBool:
      return true;
    default:
      return false;
  }
}

}  // namespace

uint32_t ArtifactWeights::addVariable(const std::string& name, std::shared_ptr<const Tensor> value) {
  const auto index = static_cast<uint32_t>(tensors_.size());
  names_.emplace(name, index);
  tensors_.push_back({.name = name, .value = std::move(value), .byteDims = {}});
  return index;
}

uint32_t ArtifactWeights::addConstant(std::shared_ptr<const Tensor> value) {
  const uint64_t key = keyOf(*value);
  auto [first, last] = constants_.equal_range(key);
  for (; first != last; ++first) {
    if (areEqual(*tensors_[first->second].value, *value)) {
      return first->second;
    }
  }
  std::string name;
  do {
    name = "constant/" + std::to_string(numConstants_++);
  } while (names_.contains(name));
  const auto index = static_cast<uint32_t>(tensors_.size());
  names_.emplace(name, index);
  constants_.emplace(key, index);
  tensors_.push_back({.name = name, .value = std::move(value), .byteDims = {}});
  return index;
}

Status ArtifactWeights::describe(artifact::Weights& weights) {
  std::vector<NamedTensorView> views;
  for (Stored& stored : tensors_) {
    TensorView view = stored.value->view();
    if (!isSafetensorsType(view.dtype)) {
      stored.byteDims = {stored.value->numBytes()};
      view = {.dtype = DType::kU8, .dims = stored.byteDims, .data = view.data};
    }
    views.push_back({stored.name, view});
  }
  KILN_ASSIGN_OR_RETURN(layout_, layoutSafetensors("weights", views));
  std::vector<uint64_t> offsets(tensors_.size());
  uint64_t offset = layout_.head.size();
  for (size_t index : layout_.order) {
    offsets[index] = offset;
    offset += static_cast<uint64_t>(tensors_[index].value->numBytes());
  }
  for (size_t i = 0; i < tensors_.size(); ++i) {
    artifact::StoredTensor& out = *weights.add_tensors();
    out.set_name(tensors_[i].name);
    out.set_dtype(static_cast<uint32_t>(tensors_[i].value->dtype()));
    out.mutable_dims()->Assign(tensors_[i].value->dims().begin(), tensors_[i].value->dims().end());
    out.set_offset(offsets[i]);
    out.set_size(static_cast<uint64_t>(tensors_[i].value->numBytes()));
  }
  weights.set_size(offset);
  weights.set_block_bytes(artifact::kBlockBytes);
  uint32_t crc = 0;
  size_t inBlock = 0;
  for (std::span<const uint8_t> piece : pieces()) {
    while (!piece.empty()) {
      const size_t count = std::min<size_t>(piece.size(), artifact::kBlockBytes - inBlock);
      crc = crc32c(piece.first(count), crc);
      piece = piece.subspan(count);
      inBlock += count;
      if (inBlock == artifact::kBlockBytes) {
        weights.add_crc32c(crc);
        crc = 0;
        inBlock = 0;
      }
    }
  }
  if (inBlock > 0) {
    weights.add_crc32c(crc);
  }
  releasePages();
  return {};
}

std::vector<std::span<const uint8_t>> ArtifactWeights::pieces() const {
  std::vector<std::span<const uint8_t>> pieces;
  pieces.emplace_back(reinterpret_cast<const uint8_t*>(layout_.head.data()), layout_.head.size());
  for (size_t index : layout_.order) {
    pieces.push_back(bytesOf(*tensors_[index].value));
  }
  return pieces;
}

void ArtifactWeights::releasePages() const {
  for (const Stored& stored : tensors_) {
    stored.value->releasePages();
  }
}

}  // namespace kiln::compiler
