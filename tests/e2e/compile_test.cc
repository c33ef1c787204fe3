// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What compiling promises beside right numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "compiler/emit/inspect_image.h"
#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/eval/interpreter.h"
#include "runtime/artifact/elf_image.h"
#include "tests/support/models.h"

namespace kiln::compiler {
namespace {

using kiln::testing::mlp;
using ::testing::HasSubstr;

TEST(Compile, equalGraphsGiveEqualBytes) {
  Graph first = mlp(), second = mlp();
  auto a = compileEntry(first, *first.findEntry("train_step")),
       b = compileEntry(second, *second.findEntry("train_step"));
  ASSERT_TRUE(a.ok()) << a.status();
  ASSERT_TRUE(b.ok()) << b.status();
  EXPECT_EQ(a->image.bytes, b->image.bytes);
  EXPECT_EQ(a->image.digest, b->image.digest);
}

TEST(Compile, imageHasNoUndefinedSymbolAndRelativeRelocationsOnly) {
  Graph graph = mlp();
  for (const Entry& entry : graph.entries()) {
    auto compiled = compileEntry(graph, entry);
    ASSERT_TRUE(compiled.ok()) << entry.name << ": " << compiled.status();
    EXPECT_EQ(undefinedSymbols(compiled->image.bytes), std::vector<std::string>{}) << entry.name;
    auto elf = runtime::readElfImage(compiled->image.bytes);  // refuses other relocations
    ASSERT_TRUE(elf.ok()) << elf.status();
    EXPECT_TRUE(LoadedImage::load(compiled->image).ok());
  }
}

TEST(Compile, manifestSaysWhatTheEntryTakesAndGives) {
  Graph graph = mlp();
  auto compiled = compileEntry(graph, *graph.findEntry("train_step"));
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  const EntryManifest& m = compiled->manifest;
  ASSERT_EQ(m.feeds.size(), 2u);
  EXPECT_EQ(m.feeds[0].name, "x");
  EXPECT_EQ(m.feeds[0].shape.toString(), "[batch, 8]");
  EXPECT_EQ(m.feeds[1].dtype, i32);
  ASSERT_EQ(m.fetches.size(), 1u);
  EXPECT_EQ(m.fetches[0].name, "loss");
  ASSERT_EQ(m.symbols.size(), 1u);
  EXPECT_EQ(m.symbols[0].name, "batch");
  // Two weights, two biases, and a velocity for each.
  EXPECT_EQ(std::count_if(m.variables.begin(), m.variables.end(), [](const VariableUse& use) { return use.written; }),
            8);
}

TEST(Compile, updatesGoInPlaceAndThePlanIsPrinted) {
  Graph graph = mlp();
  CompileReport report;
  ASSERT_TRUE(compileEntry(graph, *graph.findEntry("train_step"), {}, &report).ok());
  EXPECT_THAT(report.plan, HasSubstr("variables: 8 in place, 0 copied"));
  EXPECT_THAT(report.plan, HasSubstr("lower bound"));
  EXPECT_GT(report.numKernels, 3);
}

TEST(Compile, reportsTimesOfPhasesAndPasses) {
  Graph graph = mlp();
  CompileReport report;
  ASSERT_TRUE(compileEntry(graph, *graph.findEntry("train_step"), {.timePasses = true}, &report).ok());
  for (const PhaseInfo& info : kPhases) {
    EXPECT_THAT(report.timeTable(), HasSubstr(std::string(info.name)));
  }
  EXPECT_THAT(report.chromeTrace(), HasSubstr("\"name\": \"kiln-plan-memory\", \"cat\": \"plan\""));
  EXPECT_GT(report.numPasses, 3);
}

TEST(Compile, everyPassKeepsTheModuleValid) {
  Graph graph = mlp();
  auto compiled = compileEntry(graph, *graph.findEntry("train_step"), {.verifyEach = true});
  EXPECT_TRUE(compiled.ok()) << compiled.status();
}

TEST(Compile, everyPhaseBeforeFuseGivesAGraphOfTheSameMeaning) {
  Graph graph = mlp(f64);
  const Entry& predict = *graph.findEntry("predict");
  Tensor x = kiln::testing::noiseTensor(f64, {5, 8});
  VariableStore store = initialValues(graph).value();
  auto want = Interpreter().evaluate(graph, predict, {x}, store);
  ASSERT_TRUE(want.ok()) << want.status();
  for (Phase phase : {Phase::kImport, Phase::kSimplify, Phase::kDifferentiate}) {
    auto lowered = lowerGraph(graph, predict, phase);
    ASSERT_TRUE(lowered.ok()) << toString(phase) << ": " << lowered.status();
    auto got = Interpreter().evaluate(*lowered, *lowered->findEntry("predict"), {x}, store);
    ASSERT_TRUE(got.ok()) << toString(phase) << ": " << got.status();
    for (int64_t i = 0; i < (*want)[0].numElements(); ++i) {
      EXPECT_NEAR((*got)[0].at(i), (*want)[0].at(i), 1e-14);
    }
  }
}

TEST(Compile, stopsAfterSoManyPasses) {
  Graph graph = mlp();
  CompileReport report;
  auto text = lowerToText(graph, *graph.findEntry("train_step"), Phase::kPlan, {.stopAfter = 1}, &report);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(report.numPasses, 1);
  EXPECT_THAT(*text, ::testing::Not(HasSubstr("kiln.kernel")));
}

TEST(Compile, dumpsTheModuleAfterEveryPass) {
  std::string folder = ::testing::TempDir() + "/kiln-dump-" + std::to_string(getpid());
  Graph graph = mlp();
  CompileReport report;
  ASSERT_TRUE(compileEntry(graph, *graph.findEntry("predict"), {.dumpFolder = folder}, &report).ok());
  int files = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    ++files;
    EXPECT_GT(file.file_size(), 0u) << file.path();
  }
  EXPECT_GE(files, report.numPasses + 4);
  std::filesystem::remove_all(folder);
}

TEST(Compile, printsAfterAPass) {
  Graph graph = mlp();
  CompileReport report;
  ASSERT_TRUE(compileEntry(graph, *graph.findEntry("predict"), {.printAfter = {"kiln-plan-memory"}}, &report).ok());
  EXPECT_THAT(report.text, HasSubstr("kiln.out"));
}

TEST(CompileErrors, c0703UnknownPhase) {
  Status status = parsePhase("fuze").status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0703");
  EXPECT_THAT(std::string(status.message()), HasSubstr("fuse"));
  EXPECT_EQ(*parsePhase("plan"), Phase::kPlan);
}

TEST(CompileErrors, c0704UnknownPass) {
  Graph graph = mlp();
  Status status = compileEntry(graph, graph.entries()[0], {.disabledPasses = {"kiln-plan-memry"}}).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0704");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'kiln-plan-memory'"));
}

TEST(CompileErrors, c0705MissingPlanIsNamed) {
  Graph graph = mlp();
  Status status = compileEntry(graph, graph.entries()[0], {.disabledPasses = {"kiln-plan-memory"}}).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0705") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("kiln-plan-memory"));
}

TEST(CompileErrors, c0706DumpFolderThatCannotBe) {
  std::string file = ::testing::TempDir() + "/kiln-no-folder-" + std::to_string(getpid());
  std::ofstream(file) << "a file";
  Graph graph = mlp();
  Status status = compileEntry(graph, graph.entries()[0], {.dumpFolder = file + "/dump"}).status();
  EXPECT_EQ(errorIdOf(status), "KILN-C0706") << status;
  std::filesystem::remove(file);
}

TEST(CompileErrors, unknownTargetIsRefusedBeforeTheFirstRun) {
  EXPECT_EQ(errorIdOf(createSession(mlp(), {.compile = {.target = "z80"}}).status()), "KILN-C0501");
}

}  // namespace
}  // namespace kiln::compiler
