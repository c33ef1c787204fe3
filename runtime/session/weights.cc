// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/weights.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "proto/codec/safetensors.h"

namespace kiln {
namespace {

// Messages name so many tensors of each kind; more are only counted.
constexpr size_t kMaxListed = 5;

std::string typeText(DType dtype, const std::vector<int64_t>& dims) {
  return std::string(toString(dtype)) + Shape::of(dims).toString();
}

// `3 are missing ('a', 'b', 'c')`, or nothing for no names.
void addList(std::string& text, const std::vector<std::string>& items, const char* what) {
  if (items.empty()) {
    return;
  }
  text += (text.empty() ? "" : "; ") + std::to_string(items.size()) + " " + what + " (";
  for (size_t i = 0; i < items.size() && i < kMaxListed; ++i) {
    text += (i == 0 ? "" : ", ") + items[i];
  }
  text += items.size() > kMaxListed ? ", ...)" : ")";
}

// What keeps the file's tensors from being the variables' values, or "".
std::string describeDifferences(const std::vector<VariableSpec>& variables, const SafetensorsFile& file) {
  std::map<std::string, const VariableSpec*> unseen;
  std::vector<std::string> names;
  for (const VariableSpec& variable : variables) {
    unseen[variable.name] = &variable;
    names.push_back(variable.name);
  }
  std::vector<std::string> missing, extra, other;
  for (const SafetensorsFile::Entry& entry : file.entries()) {
    auto found = unseen.find(entry.name);
    if (found == unseen.end()) {
      extra.push_back("'" + entry.name + "'" + didYouMean(entry.name, names));
      continue;
    }
    const VariableSpec& variable = *found->second;
    if (entry.dtype != variable.dtype || entry.dims != variable.dims) {
      other.push_back("'" + entry.name + "' is " + typeText(entry.dtype, entry.dims) + ", wanted " +
                      typeText(variable.dtype, variable.dims));
    }
    unseen.erase(found);
  }
  for (const auto& [name, variable] : unseen) {
    missing.push_back("'" + name + "'");
  }
  std::string text;
  addList(text, missing, missing.size() == 1 ? "is missing" : "are missing");
  addList(text, extra, extra.size() == 1 ? "is no variable" : "are no variables");
  addList(text, other, other.size() == 1 ? "has another type" : "have other types");
  return text;
}

}  // namespace

Status exportWeights(const Session& session, const std::string& path) {
  const std::vector<std::string> names = session.variableNames();
  std::vector<Tensor> values;
  session.copyVariables(values);
  std::vector<NamedTensorView> views;
  for (size_t i = 0; i < names.size(); ++i) {
    views.push_back({.name = names[i], .tensor = values[i].view()});
  }
  return writeSafetensors(path, views);
}

Status importWeights(Session& session, const std::string& path) {
  KILN_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::open(path));
  if (std::string differences = describeDifferences(session.model().variables, file); !differences.empty()) {
    return makeError<ErrorId::kR0311>(path, differences);
  }
  // Everything is read before anything is changed.
  std::vector<Tensor> values;
  std::map<std::string, TensorView> named;
  values.reserve(file.entries().size());
  for (const SafetensorsFile::Entry& entry : file.entries()) {
    KILN_ASSIGN_OR_RETURN(Tensor value, file.read(entry));
    named[entry.name] = values.emplace_back(std::move(value)).view();
  }
  return session.setVariables(named);
}

}  // namespace kiln
