// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file A graph to a `.kiln` artifact.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "compiler/emit/artifact_writer.h"
#include "compiler/pipelines/compile.h"
#include "graph/ir/graph.h"

namespace kiln::compiler {

struct ArtifactRequest {
  std::vector<std::string> entries = {};  ///< Empty: all of the graph.
  std::string targets = "host";           ///< As TargetInfo::parseList reads it: one variant each, in this order.
  CompileOptions compile = {};            ///< `target` and `dims` are not looked at.
  bool isUnpacked = false;                ///< A folder instead of a file.
  /// Called before a variant is compiled, with its target, its number from 0 and how many there are.
  std::function<void(const std::string& target, size_t index, size_t count)> onVariant = {};
};

struct ArtifactReport {
  std::vector<std::string> entries;  ///< Those in the artifact: also `init` where variables start from it.
  std::vector<std::string> targets;
  std::vector<CompileReport> compilations;  ///< As `targets`.
  size_t numVariables = 0;
  ArtifactSizes sizes;
};

/// A model and the code of its entries for each of some targets.
struct CompiledModel {
  ModelInfo model;
  std::vector<CompiledCode> codes;
};

/// Compiles entries for each target. Variables that no entry uses are left out; `init` is added when variables have no
/// values without it. Errors: KILN-C0501 (targets), KILN-R0001 for an entry that the graph lacks, and those of
/// compileCode().
StatusOr<CompiledModel> compileModel(const Graph& graph, const ArtifactRequest& request,
                                     ArtifactReport* report = nullptr);

/// What writeArtifact() takes. Errors: KILN-C0403 for a target that has no images, and those of linkImage().
StatusOr<std::vector<ArtifactVariant>> linkVariants(CompiledModel& compiled);

/// compileModel() and writeArtifact(). Equal graphs, entries and targets give equal bytes, whatever the path, the time,
/// the cache, the number of threads, and the folders of the files that the graph came from. Errors: those of both.
StatusOr<ArtifactReport> compileArtifact(const Graph& graph, const ArtifactRequest& request, const std::string& path);

}  // namespace kiln::compiler
