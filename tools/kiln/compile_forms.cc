// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/compile_forms.h"

#include "compiler/pipelines/compile.h"

namespace kiln::tools {

StatusOr<std::string> textOf(const Graph& graph, const std::string& entry, EmitForm form,
                             const compiler::CompileOptions& options) {
  const Entry& chosen = *graph.findEntry(entry);
  if (form == EmitForm::kMlir) {
    return compiler::lowerToText(graph, chosen, compiler::Phase::kPlan, options);
  }
  return compiler::lowerToCode(
      graph, chosen, form == EmitForm::kLlvm ? compiler::CodeText::kLlvm : compiler::CodeText::kAssembly, options);
}

}  // namespace kiln::tools
