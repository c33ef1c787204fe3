// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/restore.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "runtime/checkpoint/stored_checkpoint.h"

namespace kiln {
namespace {

using runtime::ManifestTensor;
using runtime::StoredCheckpoint;
using runtime::typeText;

// Messages and reports list this many names, and count the rest.
constexpr size_t kMaxNamesListed = 5;

std::string listNames(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMaxNamesListed); ++i) {
    text += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  return names.size() > kMaxNamesListed ? text + " and " + std::to_string(names.size() - kMaxNamesListed) + " more"
                                        : text;
}

bool isPrefixRule(std::string_view from) { return from.ends_with('/'); }
bool fits(std::string_view rule, std::string_view name) {
  return isPrefixRule(rule) ? name.starts_with(rule) : name == rule;
}

// What is to go where. Tensors belong to the open checkpoint.
struct Plan {
  std::map<std::string, const ManifestTensor*> byVariable;
  std::vector<std::string> unused;
};

std::string renamed(const std::string& name, const RestoreOptions& options) {
  const std::pair<std::string, std::string>* best = nullptr;
  for (const auto& rule : options.renames) {
    if (fits(rule.first, name) && (best == nullptr || rule.first.size() > best->first.size())) {
      best = &rule;
    }
  }
  return best == nullptr ? name : best->second + name.substr(best->first.size());
}

bool isWanted(const std::string& variable, const RestoreOptions& options) {
  return options.only.empty() || std::ranges::any_of(options.only, [&](const std::string& prefix) {
           return variable == prefix || variable.starts_with(prefix.ends_with('/') ? prefix : prefix + "/");
         });
}

// Every rule maps something, and every prefix means some variable: otherwise it is a slip of the pen.
Status checkRules(const StoredCheckpoint& stored, const std::vector<std::string>& variables,
                  const RestoreOptions& options) {
  std::vector<std::string> tensors;
  for (const ManifestTensor& tensor : stored.manifest().tensors) {
    tensors.push_back(tensor.name);
  }
  for (const auto& [from, to] : options.renames) {
    if (std::ranges::none_of(tensors, [&](const std::string& name) { return fits(from, name); })) {
      return makeError<ErrorId::kR0214>(stored.path(),
                                        "no tensor fits the rule '" + from + "'" + didYouMean(from, tensors));
    }
    if (isPrefixRule(from) && !to.empty() && !isPrefixRule(to)) {
      return makeError<ErrorId::kR0214>(stored.path(),
                                        "the rule '" + from + "' maps to '" + to + "', wanted an end in '/'");
    }
  }
  for (const std::string& prefix : options.only) {
    RestoreOptions one{.renames = {}, .only = {prefix}};
    if (std::ranges::none_of(variables, [&](const std::string& name) { return isWanted(name, one); })) {
      return makeError<ErrorId::kR0214>(stored.path(),
                                        "no variable begins with '" + prefix + "'" + didYouMean(prefix, variables));
    }
  }
  return absl::OkStatus();
}

StatusOr<Plan> planRestore(const StoredCheckpoint& stored, const std::vector<std::string>& variables,
                           const RestoreOptions& options) {
  KILN_RETURN_IF_ERROR(checkRules(stored, variables, options));
  Plan plan;
  for (const ManifestTensor& tensor : stored.manifest().tensors) {
    std::string variable = renamed(tensor.name, options);
    if (!isWanted(variable, options)) {
      continue;
    }
    if (std::ranges::find(variables, variable) == variables.end()) {
      plan.unused.push_back(tensor.name);
      continue;
    }
    auto [found, isNew] = plan.byVariable.emplace(variable, &tensor);
    if (!isNew) {
      return makeError<ErrorId::kR0214>(stored.path(), "tensors '" + found->second->name + "' and '" + tensor.name +
                                                           "' both go to variable '" + variable + "'");
    }
  }
  return plan;
}

}  // namespace

std::string RestoreReport::toString() const {
  std::string text = "step " + std::to_string(step) + ": " + std::to_string(restored.size()) + " variables restored";
  size_t numRenamed =
      static_cast<size_t>(std::ranges::count_if(restored, [](const auto& pair) { return pair.first != pair.second; }));
  text += numRenamed == 0 ? "" : ", " + std::to_string(numRenamed) + " of them renamed";
  text += missing.empty() ? "" : "\nleft as they were, not in the checkpoint: " + listNames(missing);
  text += unused.empty() ? "" : "\nnot used, not in the model: " + listNames(unused);
  return text;
}

StatusOr<RestoreReport> restoreCheckpoint(Session& session, const std::string& path, const RestoreOptions& options) {
  KILN_ASSIGN_OR_RETURN(StoredCheckpoint stored, StoredCheckpoint::open(path));
  const std::vector<VariableSpec>& specs = session.model().variables;
  KILN_ASSIGN_OR_RETURN(Plan plan, planRestore(stored, session.variableNames(), options));

  RestoreReport report{.step = stored.manifest().step, .restored = {}, .missing = {}, .unused = std::move(plan.unused)};
  for (const VariableSpec& spec : specs) {
    auto found = plan.byVariable.find(spec.name);
    if (found != plan.byVariable.end()) {
      const ManifestTensor& tensor = *found->second;
      if (tensor.dtype != spec.dtype || tensor.dims != spec.dims) {
        return makeError<ErrorId::kR0212>(spec.name, typeText(spec.dtype, spec.dims), tensor.name, stored.path(),
                                          typeText(tensor.dtype, tensor.dims));
      }
      report.restored.emplace_back(spec.name, tensor.name);
    } else if (isWanted(spec.name, options)) {
      report.missing.push_back(spec.name);
    }
  }
  if (options.strict && !(report.missing.empty() && report.unused.empty())) {
    std::string why = report.missing.empty() ? "" : "it has nothing for the variables " + listNames(report.missing);
    why += report.missing.empty() || report.unused.empty() ? "" : ", and ";
    why += report.unused.empty() ? "" : "the model has no variables for the tensors " + listNames(report.unused);
    return makeError<ErrorId::kR0213>(stored.path(), why);
  }

  // Everything is read and verified before the first variable changes.
  std::map<std::string, Tensor> values;
  std::map<std::string, TensorView> views;
  for (const auto& [variable, tensor] : plan.byVariable) {
    KILN_ASSIGN_OR_RETURN(values[variable], stored.read(*tensor));
    views[variable] = values[variable].view();
  }
  KILN_RETURN_IF_ERROR(session.setVariables(views));
  return report;
}

}  // namespace kiln
