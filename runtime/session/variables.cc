// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/variables.h"

#include <algorithm>
#include <cstring>

#include "runtime/memory/aligned_buffer.h"

namespace kiln::runtime {
namespace {

std::string typeText(DType dtype, std::span<const int64_t> dims) {
  return std::string(toString(dtype)) + Shape::of({dims.begin(), dims.end()}).toString();
}

// A shape may ask for more memory than there is; tensors do not return from that.
Status haveMemory(int64_t numBytes) {
  AlignedBuffer trial;
  return trial.reserve(numBytes);
}

}  // namespace

StatusOr<std::shared_ptr<VariableStore>> VariableStore::create(const std::vector<VariableSpec>& specs,
                                                               std::vector<Tensor> values) {
  std::shared_ptr<VariableStore> store(new VariableStore);
  values.resize(specs.size());
  for (size_t i = 0; i < specs.size(); ++i) {
    const VariableSpec& spec = specs[i];
    auto count = checkedNumElements(spec.dims);
    if (!count || bitWidth(spec.dtype) == 0 || *count > (int64_t{1} << 50)) {
      return makeError<ErrorId::kR0006>("variable '" + spec.name + "'",
                                        "no value has the type " + typeText(spec.dtype, spec.dims));
    }
    if (!store->byName_.emplace(spec.name, store->variables_.size()).second) {
      return makeError<ErrorId::kR0006>("variable '" + spec.name + "'", "the name occurs twice");
    }
    auto variable = std::make_unique<Variable>();
    variable->name = spec.name;
    if (values[i].dtype() == DType::kInvalid) {
      KILN_RETURN_IF_ERROR(haveMemory(byteSize(spec.dtype, *count)));
      variable->value = Tensor(spec.dtype, spec.dims);
    } else if (values[i].dtype() != spec.dtype || values[i].dims() != spec.dims) {
      return makeError<ErrorId::kR0003>(spec.name, typeText(values[i].dtype(), values[i].dims()),
                                        typeText(spec.dtype, spec.dims));
    } else {
      variable->value = std::move(values[i]);
    }
    store->variables_.push_back(std::move(variable));
  }
  return store;
}

std::vector<std::string> VariableStore::names() const {
  std::vector<std::string> names;
  for (const auto& variable : variables_) {
    names.push_back(variable->name);
  }
  return names;
}

StatusOr<size_t> VariableStore::find(std::string_view name) const {
  auto found = byName_.find(std::string(name));
  if (found == byName_.end()) {
    return makeError<ErrorId::kR0002>(name, didYouMean(name, names()));
  }
  return found->second;
}

Tensor VariableStore::read(size_t index) const {
  const Variable& variable = *variables_[index];
  variable.lock.lockShared();
  Tensor copy = variable.value;
  variable.lock.unlockShared();
  return copy;
}

// Type and shape never change, so they are read without the lock.
Status VariableStore::checkFits(const Variable& variable, const TensorView& value) const {
  std::string wanted = typeText(variable.value.dtype(), variable.value.dims());
  if (value.dtype != variable.value.dtype() || !std::ranges::equal(value.dims, variable.value.dims())) {
    return makeError<ErrorId::kR0003>(variable.name, typeText(value.dtype, value.dims), wanted);
  }
  if (variable.value.numBytes() > 0 && value.data == nullptr) {
    return makeError<ErrorId::kR0003>(variable.name, "without data", wanted);
  }
  return absl::OkStatus();
}

Status VariableStore::write(size_t index, const TensorView& value) {
  std::pair<size_t, TensorView> one{index, value};
  return write({&one, 1});
}

Status VariableStore::write(std::span<const std::pair<size_t, TensorView>> values) {
  std::vector<const std::pair<size_t, TensorView>*> ordered;
  for (const auto& value : values) {
    KILN_RETURN_IF_ERROR(checkFits(*variables_[value.first], value.second));
    ordered.push_back(&value);
  }
  // Runs take their locks in this order too.
  std::ranges::sort(ordered, {}, [](const auto* value) { return value->first; });
  for (const auto* value : ordered) {
    variables_[value->first]->lock.lock();
  }
  for (const auto* value : ordered) {
    Tensor& variable = variables_[value->first]->value;
    if (variable.numBytes() > 0) {
      std::memmove(variable.mutableData(), value->second.data, static_cast<size_t>(variable.numBytes()));
    }
  }
  for (const auto* value : ordered) {
    variables_[value->first]->lock.unlock();
  }
  return absl::OkStatus();
}

std::map<std::string, Tensor> VariableStore::snapshot() const {
  std::vector<Tensor> values;
  snapshot(values);
  std::map<std::string, Tensor> named;
  for (size_t i = 0; i < values.size(); ++i) {
    named.emplace(variables_[i]->name, std::move(values[i]));
  }
  return named;
}

void VariableStore::snapshot(std::vector<Tensor>& into) const {
  into.resize(variables_.size());
  for (size_t i = 0; i < into.size(); ++i) {
    into[i].resize(variables_[i]->value.dtype(), variables_[i]->value.dims());
  }
  for (const auto& variable : variables_) {
    variable->lock.lockShared();
  }
  for (size_t i = 0; i < into.size(); ++i) {
    const Tensor& value = variables_[i]->value;
    if (value.numBytes() > 0) {
      std::memcpy(into[i].mutableData(), value.data(), static_cast<size_t>(value.numBytes()));
    }
  }
  for (const auto& variable : variables_) {
    variable->lock.unlockShared();
  }
}

}  // namespace kiln::runtime

namespace kiln {

StatusOr<std::vector<Tensor>> ExecutableSource::firstValues() {
  std::vector<Tensor> values;
  for (const VariableSpec& spec : model().variables) {
    Tensor& value = values.emplace_back();
    if (spec.initialValue != nullptr) {
      KILN_RETURN_IF_ERROR(runtime::haveMemory(spec.initialValue->numBytes()));
      value = *spec.initialValue;
      // Of a mapped file, the copy is what is used from here on; both together may not fit into memory.
      spec.initialValue->releasePages();
    }
  }
  return values;
}

}  // namespace kiln
