// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/pipelines/pass_runner.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_format.h"
#include "compiler/dialect/diagnostics.h"
#include "compiler/dialect/module_text.h"
#include "mlir/IR/Action.h"
#include "mlir/Pass/Pass.h"

namespace kiln::compiler {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

PassRunner::PassRunner(mlir::MLIRContext& context, const CompileOptions& options, CompileReport* report)
    : context_(context), options_(options), report_(report), begin_(std::chrono::steady_clock::now()) {
  bool watches = options.timePasses || options.stopAfter >= 0 || !options.disabledPasses.empty() ||
                 !options.printAfter.empty() || !options.dumpFolder.empty();
  if (watches) {
    context_.registerActionHandler([this](llvm::function_ref<void()> transform, const mlir::tracing::Action& action) {
      execute(transform, action);
    });
  }
}

PassRunner::~PassRunner() { context_.registerActionHandler(nullptr); }

double PassRunner::now() const {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin_).count();
}

void PassRunner::execute(llvm::function_ref<void()> transform, const mlir::tracing::Action& action) {
  const auto* execution = llvm::dyn_cast<mlir::PassExecutionAction>(&action);
  std::string name = execution == nullptr ? std::string() : execution->getPass().getArgument().str();
  if (name.empty()) {  // A rewrite, or the adaptor that runs nested passes.
    transform();
    return;
  }
  names_.insert(name);
  ++numSeen_;
  if (contains(options_.disabledPasses, name) || isStopped()) {
    return;
  }
  double start = now();
  transform();
  if (report_ != nullptr) {
    report_->numPasses += 1;
    if (options_.timePasses) {
      report_->times.push_back({std::string(toString(phase_)), name, start, now() - start});
    }
    if (contains(options_.printAfter, name)) {
      report_->text += "// after " + name + "\n" + readableText(module_);
    }
  }
  if (!options_.dumpFolder.empty()) {
    Status status =
        dump(absl::StrFormat("%03d-%s-%s.mlir", numSeen_, std::string(toString(phase_)), name), readableText(module_));
    dumpStatus_ = dumpStatus_.ok() ? status : dumpStatus_;
  }
}

Status writeDump(const std::string& folder, const std::string& name, const std::string& text) {
  if (folder.empty()) {
    return absl::OkStatus();
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::string path = folder + "/" + name;
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (error || !file) {
    return makeError<ErrorId::kC0706>(path, error ? error.message() : std::string(std::strerror(errno)));
  }
  return absl::OkStatus();
}

Status PassRunner::run(Phase phase, mlir::ModuleOp module, const std::function<void(mlir::OpPassManager&)>& build) {
  return runStep(phase, [&]() -> Status {
    module_ = module;
    mlir::PassManager passes(&context_);
    passes.enableVerifier(options_.verifyEach);
    build(passes);
    DiagnosticCollector diagnostics(&context_);
    if (mlir::failed(passes.run(module))) {
      Status status = diagnostics.status();
      return status.ok() ? makeError<ErrorId::kC0705>(toString(phase), "a pass failed without a reason") : status;
    }
    return dumpStatus_;
  });
}

Status PassRunner::runStep(Phase phase, const std::function<Status()>& step) {
  phase_ = phase;
  if (options_.progress) {
    options_.progress(toString(phase), 0, 0);
  }
  double start = now();
  Status status = step();
  if (report_ != nullptr) {
    report_->times.push_back({std::string(toString(phase)), "", start, now() - start});
  }
  return status;
}

Status PassRunner::runPart(const std::string& name, const std::function<Status()>& part) {
  double start = now();
  Status status = part();
  if (report_ != nullptr && options_.timePasses) {
    report_->times.push_back({std::string(toString(phase_)), name, start, now() - start});
  }
  return status;
}

Status PassRunner::checkNames() const {
  std::vector<std::string> known(names_.begin(), names_.end());
  for (const std::vector<std::string>* list : {&options_.disabledPasses, &options_.printAfter}) {
    for (const std::string& name : *list) {
      if (names_.count(name) == 0) {
        return makeError<ErrorId::kC0704>(name, didYouMean(name, known));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace kiln::compiler
