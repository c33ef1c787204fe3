// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The compiler as functions: an entry of a graph to a code image, or to any phase on the way.
#pragma once

#include <string>

#include "compiler/pipelines/options.h"
#include "graph/ir/graph.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// An entry point, compiled: what LoadedImage::load and the session need.
struct CompiledEntry {
  CodeImage image;
  EntryManifest manifest;
};

/// Compiles `entry` of `graph`, whose ports and targets are values of the graph's main body. Equal graphs, entries and
/// targets give equal bytes. Thread-safe: each call works in a context of its own. Errors: those of the phases;
/// KILN-C0701 and C0702 for what the target has no code for, KILN-C0704 for unknown passes in the options, KILN-C0705
/// for a fault of the compiler.
StatusOr<CompiledEntry> compileEntry(const Graph& graph, const Entry& entry, const CompileOptions& options = {},
                                     CompileReport* report = nullptr);

/// The graph with only `entry` as the compiler sees it after `phase` (import, simplify or differentiate): for the
/// reference interpreter, to check passes against it. Errors: as above; KILN-C0102 for later phases.
StatusOr<Graph> lowerGraph(const Graph& graph, const Entry& entry, Phase phase, const CompileOptions& options = {},
                           CompileReport* report = nullptr);

/// The module after `phase` (or after options.stopAfter passes) as text; codegen gives LLVM's dialect, emit is the
/// same.
StatusOr<std::string> lowerToText(const Graph& graph, const Entry& entry, Phase phase,
                                  const CompileOptions& options = {}, CompileReport* report = nullptr);

}  // namespace kiln::compiler
