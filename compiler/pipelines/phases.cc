// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/phases.h"

#include <string>

namespace kiln::compiler {

StatusOr<Phase> parsePhase(std::string_view name) {
  std::string names;
  for (const PhaseInfo& info : kPhases) {
    if (info.name == name) {
      return info.phase;
    }
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return makeError<ErrorId::kC0703>(name, names);
}

}  // namespace kiln::compiler
