// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file The compiler as functions: an entry of a graph to a code image, or to any phase on the way.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compiler/pipelines/options.h"
#include "graph/ir/graph.h"
#include "runtime/session/executable.h"

namespace kiln::compiler {

/// An entry point, compiled: what LoadedImage::load and the session need.
struct CompiledEntry {
  CodeImage image;
  EntryManifest manifest;
};

/// What code for a machine is called, and what it needs there.
struct CodeTarget {
  std::string name;                   ///< As it was asked for: `host`, `x86-64-v3`.
  std::string triple;                 ///< `x86_64-unknown-linux-gnu`
  std::vector<std::string> features;  ///< Names of runtime/abi/cpu_features.h that the processor must have.
  int vectorBits = 0;
};

/// How large an entry's arena is: what kiln_arena_size_I computes.
struct ArenaPlan {
  int64_t staticBytes = 0;
  std::vector<Dim> slots;  ///< Bytes of what has a symbolic size, each aligned to 64.
};

/// Entries of a graph as code for one target.
struct CompiledCode {
  CodeTarget target;
  /// Relocatable objects in the target's format, each a kernel, what kernels share, or an entry point. Together they
  /// define (hidden) kiln_query, kiln_entry_I and kiln_arena_size_I for entry I; nothing is undefined among them.
  std::vector<std::vector<uint8_t>> objects;
  std::vector<EntryManifest> entries;  ///< As asked for.
  std::vector<ArenaPlan> arenas;       ///< As the entries.
  /// For each entry, the first node whose code calls the context's library or allocate: "kiln.sort 'x'". Empty for an
  /// entry that needs neither.
  std::vector<std::string> hostUses;
};

/// Compiles `entries` of `graph` for options.target. Kernels that are equal but for names share their code, also
/// between entries, and with options.cache between compilations. Equal graphs, entries and targets give equal bytes,
/// whatever the cache holds and however many threads work. Thread-safe; works on options.codegenThreads threads.
/// Errors: those of compileEntry().
StatusOr<CompiledCode> compileCode(const Graph& graph, std::span<const Entry* const> entries,
                                   const CompileOptions& options = {}, CompileReport* report = nullptr);

/// Compiles `entry` of `graph` to an image of its own, whose ports and targets are values of the graph's main body.
/// Equal graphs, entries and targets give equal bytes. Thread-safe: each call works in a context of its own. Errors:
/// those of the phases; KILN-C0701 and C0702 for what the target has no code for, KILN-C0704 for unknown passes in the
/// options, KILN-C0705 for a fault of the compiler.
StatusOr<CompiledEntry> compileEntry(const Graph& graph, const Entry& entry, const CompileOptions& options = {},
                                     CompileReport* report = nullptr);

/// What lowerToCode() shows.
enum class CodeText { kLlvm, kAssembly };

/// The code of `entry` as LLVM IR after LLVM's optimisations, or as assembly: the kernels one after another, each under
/// a comment that names the user's nodes, then the entry point. Reads no cache. Errors: those of compileEntry().
StatusOr<std::string> lowerToCode(const Graph& graph, const Entry& entry, CodeText text,
                                  const CompileOptions& options = {}, CompileReport* report = nullptr);

/// The graph with only `entry` as the compiler sees it after `phase` (import, simplify or differentiate): for the
/// reference interpreter, to check passes against it. Errors: as above; KILN-C0102 for later phases.
StatusOr<Graph> lowerGraph(const Graph& graph, const Entry& entry, Phase phase, const CompileOptions& options = {},
                           CompileReport* report = nullptr);

/// The module after `phase` (or after options.stopAfter passes) as text; codegen gives LLVM's dialect, emit is the
/// same.
StatusOr<std::string> lowerToText(const Graph& graph, const Entry& entry, Phase phase,
                                  const CompileOptions& options = {}, CompileReport* report = nullptr);

}  // namespace kiln::compiler
