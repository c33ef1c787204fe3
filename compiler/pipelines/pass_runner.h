// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Runs the passes of a phase: timing, verification, dumps, passes left out. Passes contain only the
/// transformation.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "compiler/pipelines/options.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace kiln::compiler {

/// Writes `text` as `<folder>/<name>`, and makes the folder; nothing for an empty one. Errors: KILN-C0706.
Status writeDump(const std::string& folder, const std::string& name, const std::string& text);

/// One for a compilation, living as long as its context is used. Not thread-safe.
class PassRunner {
 public:
  /// `report` may be null.
  PassRunner(mlir::MLIRContext& context, const CompileOptions& options, CompileReport* report);
  ~PassRunner();
  PassRunner(const PassRunner&) = delete;

  /// Runs what `build` adds on the module. Errors: those of the passes; KILN-C0705 when a pass fails without a word,
  /// KILN-C0706 when a dump cannot be written.
  Status run(Phase phase, mlir::ModuleOp module, const std::function<void(mlir::OpPassManager&)>& build);
  /// Runs and times a step that is no pipeline.
  Status runStep(Phase phase, const std::function<Status()>& step);
  /// Times a part of the step that is running, as a pass.
  Status runPart(const std::string& name, const std::function<Status()>& part);
  /// Errors: KILN-C0704 for a name in the options that no pass so far had.
  Status checkNames() const;
  /// True when stopAfter cut the passes short.
  bool isStopped() const { return options_.stopAfter >= 0 && numSeen_ > options_.stopAfter; }
  /// Writes `text` as `<dumpFolder>/<name>`; nothing without a folder.
  Status dump(const std::string& name, const std::string& text) const {
    return writeDump(options_.dumpFolder, name, text);
  }

 private:
  void execute(llvm::function_ref<void()> transform, const mlir::tracing::Action& action);
  double now() const;

  mlir::MLIRContext& context_;
  const CompileOptions& options_;
  CompileReport* report_;
  std::chrono::steady_clock::time_point begin_;
  Phase phase_ = Phase::kImport;
  mlir::ModuleOp module_;
  int numSeen_ = 0;  // Passes, run or left out.
  std::set<std::string> names_;
  Status dumpStatus_;
};

}  // namespace kiln::compiler
