// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <filesystem>

#include "compiler/emit/native/native_form.h"
#include "proto/codec/file.h"
#include "tools/kiln/compile_forms.h"

namespace kiln::tools {
namespace {

// Far above any build of it.
constexpr int64_t kMaxRunnerBytes = int64_t{1} << 28;

// The program kiln-run, which lies beside this one.
StatusOr<std::vector<uint8_t>> readRunner() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string path = (error ? std::filesystem::path("kiln-run") : self.parent_path() / "kiln-run").string();
  StatusOr<std::string> bytes = readFile(path, kMaxRunnerBytes);
  if (!bytes.ok()) {
    return makeError<ErrorId::kT0035>(path, "it is missing, and programs are made from it");
  }
  return std::vector<uint8_t>(bytes->begin(), bytes->end());
}

StatusOr<std::vector<uint8_t>> programOf(compiler::CompiledModel& compiled) {
  const std::string target = compiled.codes.front().target.name;
  KILN_ASSIGN_OR_RETURN(std::vector<uint8_t> runner, readRunner());
  KILN_ASSIGN_OR_RETURN(const std::vector<compiler::ArtifactVariant> variants, compiler::linkVariants(compiled));
  KILN_ASSIGN_OR_RETURN(const std::vector<uint8_t> artifact, compiler::artifactBytes(compiled.model, variants));
  return compiler::nativeProgram(target, std::move(runner), artifact);
}

}  // namespace

StatusOr<std::vector<uint8_t>> nativeBytes(const Graph& graph, const compiler::ArtifactRequest& request, EmitForm form,
                                           const NativeFlags& flags, compiler::ArtifactReport& report) {
  KILN_ASSIGN_OR_RETURN(compiler::CompiledModel compiled, compiler::compileModel(graph, request, &report));
  if (form == EmitForm::kProgram) {
    return programOf(compiled);
  }
  compiler::NativeModel model{
      .name = flags.name,
      .model = &compiled.model,
      .entries = report.entries,
      .code = &compiled.codes.front(),
      .profile = flags.isBare ? compiler::NativeProfile::kBare : compiler::NativeProfile::kHosted};
  switch (form) {
    case EmitForm::kObject:
      return compiler::nativeObject(model);
    case EmitForm::kStatic:
      return compiler::nativeStaticLibrary(model);
    case EmitForm::kShared:
      return compiler::nativeSharedLibrary(model);
    default: {
      KILN_ASSIGN_OR_RETURN(const std::string header, compiler::nativeHeader(model));
      return std::vector<uint8_t>(header.begin(), header.end());
    }
  }
}

}  // namespace kiln::tools
