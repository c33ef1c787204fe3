// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "compiler/pipelines/compile.h"
#include "tools/kiln/inspect.h"
#include "tools/kiln/read_model.h"

namespace kiln::tools {

Status lowerModel(const LowerCommand& options) {
  KILN_ASSIGN_OR_RETURN(const Graph graph, readModelGraph(options.model));
  const Entry* entry = graph.findEntry(options.entry);
  if (entry == nullptr) {
    std::vector<std::string> names;
    for (const Entry& known : graph.entries()) {
      names.push_back(known.name);
    }
    return makeError<ErrorId::kT0006>(options.model, options.entry, nearestNames(options.entry, names));
  }
  compiler::CompileOptions compile;
  compile.timePasses = options.timePasses;
  compile.verifyEach = options.verifyEach;
  compile.memLimit = static_cast<int64_t>(std::min<uint64_t>(options.memLimit, INT64_MAX));
  compiler::CompileReport report;
  if (options.compileTo.empty()) {
    auto compiled = compiler::compileEntry(graph, *entry, compile, &report);
    if (!compiled.ok()) {
      return annotate(compiled.status(), options.model);
    }
  } else {
    KILN_ASSIGN_OR_RETURN(compiler::Phase phase, compiler::parsePhase(options.compileTo));
    auto text = compiler::lowerToText(graph, *entry, phase, compile, &report);
    if (!text.ok()) {
      return annotate(text.status(), options.model);
    }
    std::printf("%s", text->c_str());
  }
  if (options.dumpPlan) {
    std::printf("%s", report.plan.c_str());
  }
  if (options.timePasses) {
    std::printf("%s", report.timeTable().c_str());
  }
  return Status();
}

}  // namespace kiln::tools
