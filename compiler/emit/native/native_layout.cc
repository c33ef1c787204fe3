// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/emit/native/native_layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace kiln::compiler {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + kNativeAlignment - 1) / kNativeAlignment * kNativeAlignment; }

int64_t append(std::string& data, const Tensor& tensor) {
  data.resize(static_cast<size_t>(aligned(static_cast<int64_t>(data.size()))));
  const int64_t offset = static_cast<int64_t>(data.size());
  data.append(static_cast<const char*>(tensor.data()), static_cast<size_t>(tensor.numBytes()));
  return offset;
}

bool isZero(const Tensor& tensor) {
  const auto* bytes = static_cast<const char*>(tensor.data());
  return std::all_of(bytes, bytes + tensor.numBytes(), [](char byte) { return byte == 0; });
}

Status check(const NativeModel& model, const std::string& form) {
  const CompiledCode& code = *model.code;
  const std::string& target = code.target.name;
  if (code.target.triple.starts_with("wasm")) {
    return makeError<ErrorId::kC0403>(target, form, "WebAssembly has modules only");
  }
  std::map<std::string, std::string> names;
  for (size_t i = 0; i < model.entries.size(); ++i) {
    const std::string& entry = model.entries[i];
    if (auto [found, isNew] = names.emplace(toCName(entry), entry); !isNew) {
      return makeError<ErrorId::kC0403>(target, form,
                                        "the entries '" + found->second + "' and '" + entry + "' have one name in C");
    }
    if (model.profile == NativeProfile::kBare && !code.hostUses[i].empty()) {
      return makeError<ErrorId::kC0405>(entry, code.hostUses[i]);
    }
    for (const TensorSpec& fetch : code.entries[i].fetches) {
      for (const Dim& dim : fetch.shape) {
        for (const std::string& symbol : dim.symbols()) {
          if (std::ranges::find(code.entries[i].foundSymbols, symbol) != code.entries[i].foundSymbols.end()) {
            return makeError<ErrorId::kC0403>(
                target, form,
                "the entry '" + entry + "' finds the length of its fetch '" + fetch.name + "' as it runs");
          }
        }
      }
    }
  }
  return Status();
}

}  // namespace

size_t NativeLayout::find(int index) const {
  const auto found = std::ranges::find(variables, index, &NativeVariable::index);
  return static_cast<size_t>(found - variables.begin());
}

StatusOr<NativeLayout> layOut(const NativeModel& model, const std::string& form) {
  KILN_RETURN_IF_ERROR(check(model, form));
  std::set<int> used;
  for (const EntryManifest& entry : model.code->entries) {
    for (const VariableUse& use : entry.variables) {
      used.insert(use.variable);
    }
  }
  NativeLayout layout;
  for (int index : used) {
    const VariableSpec& spec = model.model->variables[static_cast<size_t>(index)];
    NativeVariable variable{.index = index, .memory = layout.variableBytes};
    variable.bytes = byteSize(spec.dtype, Shape::of(spec.dims).numElements().value());
    variable.hasValue = spec.initialValue != nullptr;
    if (variable.hasValue && !isZero(*spec.initialValue)) {
      variable.weights = append(layout.data, *spec.initialValue);
    }
    layout.variableBytes += std::max(aligned(variable.bytes), kNativeAlignment);
    layout.variables.push_back(variable);
  }
  std::map<const Tensor*, int64_t> places;  // Entries share constants.
  for (const EntryManifest& entry : model.code->entries) {
    std::vector<int64_t>& offsets = layout.constants.emplace_back();
    for (const std::shared_ptr<const Tensor>& constant : entry.constants) {
      auto [place, isNew] = places.try_emplace(constant.get(), 0);
      if (isNew) {
        place->second = append(layout.data, *constant);
      }
      offsets.push_back(place->second);
    }
  }
  return layout;
}

std::string nativePrefix(const NativeModel& model) {
  std::string prefix = toCName(model.name);
  if (prefix.empty() || (prefix[0] >= '0' && prefix[0] <= '9')) {
    prefix.insert(0, "m");
  }
  return prefix;
}

}  // namespace kiln::compiler
