// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <filesystem>
#include <span>
#include <string>

#include "compiler/pipelines/wasm.h"
#include "proto/codec/file.h"
#include "tools/kiln/compile_forms.h"
#include "tools/wasm/demo_page.h"

namespace kiln::tools {

StatusOr<uint64_t> writeWasm(const Graph& graph, const compiler::ArtifactRequest& request, const std::string& path,
                             bool isDemo, compiler::ArtifactReport& report) {
  KILN_ASSIGN_OR_RETURN(const compiler::CompiledModel compiled, compiler::compileModel(graph, request, &report));
  if (compiled.codes.size() != 1) {
    return makeError<ErrorId::kT0034>("a .wasm file has code for one target, and --target names " +
                                      std::to_string(compiled.codes.size()));
  }
  KILN_ASSIGN_OR_RETURN(const std::vector<uint8_t> module, compiler::wasmModule(compiled.model, compiled.codes[0]));
  const std::filesystem::path file(path);
  if (isDemo) {
    const std::string page = std::filesystem::path(file).replace_extension(".html").string();
    KILN_RETURN_IF_ERROR(writeFileAtomically(page, demoPage(module)));
  }
  KILN_RETURN_IF_ERROR(writeFileAtomically((file.parent_path() / "kiln.js").string(), wasmLoader()));
  const std::span<const uint8_t> piece(module);
  KILN_RETURN_IF_ERROR(writeFileAtomically(path, {&piece, 1}));
  return module.size();
}

}  // namespace kiln::tools
