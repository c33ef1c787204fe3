// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/artifact.h"

#include <algorithm>
#include <utility>

#include "compiler/codegen/common/target.h"
#include "compiler/emit/link_image.h"
#include "compiler/pipelines/model_info.h"

namespace kiln::compiler {
namespace {

StatusOr<std::vector<const Entry*>> chooseEntries(const Graph& graph, const std::vector<std::string>& names) {
  std::vector<const Entry*> chosen;
  for (const Entry& entry : graph.entries()) {
    if (names.empty() || std::ranges::find(names, entry.name) != names.end()) {
      chosen.push_back(&entry);
    }
  }
  std::string known;
  for (const Entry& entry : graph.entries()) {
    known += (known.empty() ? "'" : ", '") + entry.name + "'";
  }
  for (const std::string& name : names) {
    if (graph.findEntry(name) == nullptr) {
      return makeError<ErrorId::kR0001>(name, known.empty() ? "no entries" : known);
    }
  }
  return chosen;
}

// Whether the entries use a variable that has no value without running `init`.
bool needsInit(const Graph& graph, const ModelInfo& model, const std::vector<const Entry*>& entries) {
  std::vector<NodeId> roots;
  for (const Entry* entry : entries) {
    roots.insert(roots.end(), entry->targets.begin(), entry->targets.end());
    for (const Port& fetch : entry->fetches) {
      roots.push_back(fetch.value.node);
    }
  }
  const std::vector<NodeId> used = graph.body().slice(roots);
  const std::vector<NodeId> variables = graph.variables();  // as the model's
  for (size_t i = 0; i < variables.size(); ++i) {
    if (model.variables[i].initialValue == nullptr && std::ranges::find(used, variables[i]) != used.end()) {
      return true;
    }
  }
  return false;
}

// The model's part that the entries use: other variables go, and the codes number the rest.
void keepUsedVariables(CompiledModel& compiled) {
  std::vector<VariableSpec>& variables = compiled.model.variables;
  std::vector<bool> isUsed(variables.size());
  for (const EntryManifest& entry : compiled.codes.front().entries) {
    for (const VariableUse& use : entry.variables) {
      isUsed[static_cast<size_t>(use.variable)] = true;
    }
  }
  std::vector<int> newIndex(variables.size(), -1);
  std::vector<VariableSpec> kept;
  for (size_t i = 0; i < variables.size(); ++i) {
    if (isUsed[i]) {
      newIndex[i] = static_cast<int>(kept.size());
      kept.push_back(std::move(variables[i]));
    }
  }
  variables = std::move(kept);
  for (CompiledCode& code : compiled.codes) {
    for (EntryManifest& entry : code.entries) {
      for (VariableUse& use : entry.variables) {
        use.variable = newIndex[static_cast<size_t>(use.variable)];
      }
    }
  }
}

}  // namespace

StatusOr<CompiledModel> compileModel(const Graph& graph, const ArtifactRequest& request, ArtifactReport* report) {
  KILN_ASSIGN_OR_RETURN(const std::vector<TargetInfo> targets, TargetInfo::parseList(request.targets));
  KILN_ASSIGN_OR_RETURN(std::vector<const Entry*> entries, chooseEntries(graph, request.entries));
  CompiledModel compiled;
  KILN_ASSIGN_OR_RETURN(compiled.model, modelInfoOf(graph));
  const Entry* init = graph.findEntry(kInitEntry);
  if (init != nullptr && std::ranges::find(entries, init) == entries.end() &&
      needsInit(graph, compiled.model, entries)) {
    entries.push_back(init);
  }
  std::vector<EntryInfo> infos;
  for (const Entry* entry : entries) {
    infos.push_back(*std::ranges::find(compiled.model.entries, entry->name, &EntryInfo::name));
  }
  compiled.model.entries = std::move(infos);
  for (size_t i = 0; i < targets.size(); ++i) {
    if (request.onVariant) {
      request.onVariant(targets[i].name, i, targets.size());
    }
    CompileOptions options = request.compile;
    options.target = targets[i].name;
    options.dims.clear();
    CompileReport compilation;
    KILN_ASSIGN_OR_RETURN(CompiledCode code, compileCode(graph, entries, options, &compilation));
    compiled.codes.push_back(std::move(code));
    if (report != nullptr) {
      report->targets.push_back(targets[i].name);
      report->compilations.push_back(std::move(compilation));
    }
  }
  keepUsedVariables(compiled);
  if (report != nullptr) {
    report->numVariables = compiled.model.variables.size();
    for (const EntryInfo& entry : compiled.model.entries) {
      report->entries.push_back(entry.name);
    }
  }
  return compiled;
}

StatusOr<std::vector<ArtifactVariant>> linkVariants(CompiledModel& compiled) {
  std::vector<ArtifactVariant> variants;
  for (CompiledCode& code : compiled.codes) {
    KILN_ASSIGN_OR_RETURN(const TargetInfo target, TargetInfo::parse(code.target.name));
    if (target.architecture == Architecture::kWasm) {
      return makeError<ErrorId::kC0403>(target.name, "artifact",
                                        "it has modules: --target wasm32 -o NAME.wasm makes one");
    }
    ArtifactVariant variant{.target = code.target.name,
                            .triple = code.target.triple,
                            .features = code.target.features,
                            .vectorBits = code.target.vectorBits,
                            .image = {},
                            .entries = std::move(code.entries),
                            .arenas = {}};
    KILN_ASSIGN_OR_RETURN(variant.image, linkImage(code.objects));
    code.objects.clear();
    for (ArenaPlan& arena : code.arenas) {
      variant.arenas.push_back({.staticBytes = arena.staticBytes, .slots = std::move(arena.slots)});
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

StatusOr<ArtifactReport> compileArtifact(const Graph& graph, const ArtifactRequest& request, const std::string& path) {
  ArtifactReport report;
  KILN_ASSIGN_OR_RETURN(CompiledModel compiled, compileModel(graph, request, &report));
  KILN_ASSIGN_OR_RETURN(const std::vector<ArtifactVariant> variants, linkVariants(compiled));
  for (size_t i = 0; i < variants.size(); ++i) {
    report.compilations[i].imageBytes = variants[i].image.bytes.size();
  }
  KILN_ASSIGN_OR_RETURN(report.sizes, writeArtifact(compiled.model, variants, path, request.isUnpacked));
  return report;
}

}  // namespace kiln::compiler
