// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs passes and phases of the compiler on MLIR text: mlir-opt for the kiln dialect.
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/codegen/cpu/lower.h"
#include "compiler/dialect/dialect.h"
#include "compiler/pipelines/build_phase.h"
#include "compiler/pipelines/phases.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char** argv) {
  // --compile-to=<phase> stands for the pipelines of all phases up to it, from simplify on: text has been imported
  // already.
  constexpr std::string_view kCompileTo = "--compile-to=";
  std::vector<std::string> arguments;
  for (int i = 0; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument.substr(0, kCompileTo.size()) != kCompileTo) {
      arguments.emplace_back(argument);
      continue;
    }
    auto last = kiln::compiler::parsePhase(argument.substr(kCompileTo.size()));
    if (!last.ok()) {
      llvm::errs() << last.status().ToString() << "\n";
      return 1;
    }
    for (const kiln::compiler::PhaseInfo& info : kiln::compiler::kPhases) {
      if (info.phase > kiln::compiler::Phase::kImport && info.phase <= *last &&
          info.phase < kiln::compiler::Phase::kCodegen) {
        arguments.push_back("--kiln-phase-" + std::string(info.name));
      }
    }
  }
  std::vector<char*> pointers;
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  kiln::compiler::registerPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::DialectRegistry registry;
  kiln::compiler::registerLoweringDialects(registry);
  registry.insert<mlir::func::FuncDialect, kiln::compiler::KilnDialect>();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(static_cast<int>(pointers.size()), pointers.data(), "Kiln's optimizer driver\n", registry));
}
