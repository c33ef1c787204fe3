// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a compilation is told, and what it tells.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "compiler/pipelines/phases.h"

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
  int stopAfter = -1;    ///< Runs only so many passes of all phases, for bisection with lowerToText(); -1: all.
  std::string dumpFolder = {};  ///< When set, the module after every pass, numbered, and LLVM IR and assembly.
  std::vector<std::string> printAfter = {};  ///< Passes after which the module goes to CompileReport::text.
  bool timePasses = false;                   ///< Times of single passes beside those of phases.
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
  size_t imageBytes = 0;

  /// Microseconds by phase and pass as a table.
  std::string timeTable() const;
  /// The times in Chrome's trace format (chrome://tracing, Perfetto).
  std::string chromeTrace() const;
};

}  // namespace kiln::compiler
