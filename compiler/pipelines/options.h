// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a compilation is told, and what it tells.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/pipelines/phases.h"

namespace kiln {
class KernelCache;
}

namespace kiln::compiler {

/// Plain data: two compilations in one process never see each other's.
struct CompileOptions {
  std::string target = "host";  ///< As TargetInfo::parse reads it.
  bool verifyEach = false;      ///< Checks the module after every pass; a broken one is named.
  bool optimize = true;         ///< LLVM's optimisations; without them code is slower, never different in result.
  std::vector<std::string> disabledPasses = {};  ///< `kiln-fold-constants`: not run.
  std::map<std::string, int64_t> dims = {};  ///< Numbers of dimension symbols for which code is made: it is right for
                                             ///< these only, and its results are those of the code for all, bit by bit
                                             ///< (but for the sign of a NaN).
  int64_t memLimit = 0;  ///< Bytes that gradients of loops may keep of their steps: what does not fit is computed
                         ///< again. 0: no limit. With KILN-C0203 when it is too small.
  std::shared_ptr<KernelCache> cache = {};  ///< Where code of kernels is looked for and kept; null: nowhere.
  int codegenThreads = 0;                   ///< Threads that make code of kernels; 0: one for each core.
  int stopAfter = -1;           ///< Runs only so many passes of all phases, for bisection with lowerToText(); -1: all.
  std::string dumpFolder = {};  ///< When set, the module after every pass, numbered, and LLVM IR and assembly.
  std::vector<std::string> printAfter = {};  ///< Passes after which the module goes to CompileReport::text.
  bool timePasses = false;                   ///< Times of single passes beside those of phases.
  /// Called when a phase begins, with 0 of 0, and in codegen as pieces of code are made, with how many are done: from
  /// any thread that compiles, one call at a time.
  std::function<void(std::string_view phase, size_t done, size_t total)> progress = {};
};

/// A stretch of time of a compilation.
struct CompileTime {
  std::string phase;
  std::string pass;  ///< Empty: the whole phase.
  double startUs = 0, durationUs = 0;
};

struct CompileReport {
  std::string plan;  ///< The memory plan as a table, with the peak and the lower bound.
  std::string text;  ///< Modules asked for by printAfter.
  std::vector<CompileTime> times;
  int numPasses = 0;  ///< That ran.
  int numKernels = 0;
  int numFunctions = 0;  ///< Kernel functions: equal kernels share one.
  int numUnits = 0;      ///< Pieces that code was made in: kernels, what they share, and the entries.
  int cacheHits = 0;     ///< Units found in the cache.
  int cacheMisses = 0;   ///< Units that had to be made; without a cache, those that one would have kept.
  size_t imageBytes = 0;

  /// Microseconds by phase and pass as a table.
  std::string timeTable() const;
  /// The times in Chrome's trace format (chrome://tracing, Perfetto).
  std::string chromeTrace() const;
};

}  // namespace kiln::compiler
