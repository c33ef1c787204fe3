// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Code is made in units, which entries, compilations and processes share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "compiler/cache/kernel_cache.h"
#include "compiler/emit/link_image.h"
#include "compiler/jit/session.h"
#include "compiler/pipelines/compile.h"
#include "graph/eval/interpreter.h"
#include "runtime/artifact/image.h"
#include "tests/support/models.h"

namespace kiln::compiler {
namespace {

using kiln::testing::mlp;
using kiln::testing::noiseTensor;
using ::testing::HasSubstr;
using ::testing::Not;

/// A cache in a folder of its own.
class Units : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/kiln-units-" + std::to_string(getpid());
    std::filesystem::remove_all(folder_);
    cache_ = KernelCache::open(folder_).value();
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static CompiledCode compile(const Graph& graph, const CompileOptions& options = {}, CompileReport* report = nullptr) {
    std::vector<const Entry*> entries;
    for (const Entry& entry : graph.entries()) {
      entries.push_back(&entry);
    }
    auto code = compileCode(graph, entries, options, report);
    KILN_CHECK(code.ok());
    return std::move(*code);
  }

  /// The status of the only entry, `run`, with code from the cache where it has some.
  Status run(const Graph& graph, const std::vector<Tensor>& feeds, std::vector<Tensor>* outputs = nullptr) {
    KILN_ASSIGN_OR_RETURN(Session session, createSession(graph, {.threads = 1, .compile = {.cache = cache_}}));
    KILN_ASSIGN_OR_RETURN(Callable callable, session.prepareEntry("run"));
    std::vector<TensorView> views(feeds.begin(), feeds.end());
    std::vector<Tensor> got;
    Status status = callable.run(views, got);
    if (outputs != nullptr) {
      *outputs = std::move(got);
    }
    return status;
  }

  std::string folder_;
  std::shared_ptr<KernelCache> cache_;
};

/// x [8, 16] through blocks of their own sizes; block `edited` has another activation.
Graph chain(int blocks, int edited = -1) {
  GraphBuilder g("chain");
  Value x = g.placeholder("x", f32, {8, 16});
  Value h = x;
  for (int i = 0; i < blocks; ++i) {
    h = nn::dense(g, "block" + std::to_string(i), h, 16 + 4 * i,
                  [&](Operand v) { return i == edited ? sigmoid(v) : tanh(v); });
  }
  g.entry("run", {.feeds = {x}, .fetches = {{"h", h}}, .targets = {}});
  return g.finish().value();
}

/// table[i] / divisor, after `before` other nodes that fail in the same way.
Graph gathers(const std::string& name, int before) {
  GraphBuilder g("gathers");
  Value table = g.placeholder("table", i32, {10}), i = g.placeholder("i", i32, {4}), d = g.placeholder("d", i32, {4});
  Value sum = d;
  for (int k = 0; k < before; ++k) {
    sum = sum + gather(table, g.constant(Tensor::of<int32_t>({4}, {k, k, k, k}))).named("earlier" + std::to_string(k));
  }
  Value picked = gather(table, i).named(name);
  Value quotient = (picked / d).named(name + "_quotient");
  g.entry("run", {.feeds = {table, i, d}, .fetches = {{"y", quotient}, {"z", sum}}, .targets = {}});
  return g.finish().value();
}

TEST_F(Units, bytesDependNeitherOnTheCacheNorOnTheThreads) {
  const Graph graph = mlp();
  const CompiledCode plain = compile(graph, {.codegenThreads = 1});
  EXPECT_EQ(compile(graph, {.codegenThreads = 5}).objects, plain.objects);
  CompileReport cold, warm;
  EXPECT_EQ(compile(graph, {.cache = cache_, .codegenThreads = 3}, &cold).objects, plain.objects);
  EXPECT_EQ(compile(graph, {.cache = cache_, .codegenThreads = 2}, &warm).objects, plain.objects);
  EXPECT_EQ(cold.cacheHits, 0);
  EXPECT_GT(cold.cacheMisses, 3);
  EXPECT_EQ(warm.cacheMisses, 0);
  EXPECT_EQ(warm.cacheHits, cold.cacheMisses);
}

// The entry point of so many kernels is compiled with little effort, which the kernels that follow it on the same
// thread must not be.
TEST_F(Units, kernelsBesideALongEntryPointAreTheSameOnEveryThread) {
  const Graph graph = chain(70);
  CompileReport report;
  const CompiledCode plain = compile(graph, {.codegenThreads = 1}, &report);
  ASSERT_GE(report.numKernels, 64);
  EXPECT_EQ(compile(graph, {.codegenThreads = 4}).objects, plain.objects);
}

TEST_F(Units, unoptimizedCodeIsKeptApart) {
  const Graph graph = mlp();
  const CompiledCode slow = compile(graph, {.optimize = false});
  compile(graph, {.cache = cache_});
  EXPECT_EQ(compile(graph, {.optimize = false, .cache = cache_}).objects, slow.objects);
}

TEST_F(Units, targetsAreKeptApart) {
  const Graph graph = mlp();
  const CompiledCode v2 = compile(graph, {.target = "x86-64-v2"});
  compile(graph, {.target = "x86-64-v3", .cache = cache_});
  EXPECT_EQ(compile(graph, {.target = "x86-64-v2", .cache = cache_}).objects, v2.objects);
}

TEST_F(Units, entriesShareEqualKernels) {
  GraphBuilder g("twice");
  Value x = g.placeholder("x", f32, {8, 16});
  Value w = g.weight("w", std::make_shared<const Tensor>(noiseTensor(f32, {16, 16})));
  g.entry("first", {.feeds = {x}, .fetches = {{"y", tanh(matmul(x, w))}}, .targets = {}});
  g.entry("second", {.feeds = {x}, .fetches = {{"y", tanh(matmul(x, w))}}, .targets = {}});
  const Graph graph = g.finish().value();
  CompileReport both, one;
  const CompiledCode code = compile(graph, {}, &both);
  ASSERT_TRUE(compileEntry(graph, graph.entries()[0], {}, &one).ok());
  EXPECT_EQ(both.numFunctions, one.numFunctions);
  EXPECT_EQ(both.numUnits, one.numUnits + 1);
  EXPECT_EQ(both.numKernels, 2 * one.numKernels);
}

TEST_F(Units, imageOfSeveralEntriesHasThemInOrder) {
  const Graph graph = mlp();
  const CompiledCode code = compile(graph);
  ASSERT_EQ(code.entries.size(), graph.entries().size());
  auto image = linkImage(code.objects);
  ASSERT_TRUE(image.ok()) << image.status();
  auto loaded = LoadedImage::load(*image);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const kiln_executable_t& table = (*loaded)->table();
  ASSERT_EQ(table.num_entries, graph.entries().size());
  std::set<std::string> sizes;
  for (size_t i = 0; i < graph.entries().size(); ++i) {
    const std::vector<int64_t> dims(code.entries[i].symbols.size(), 100);
    int64_t bytes = code.arenas[i].staticBytes;
    for (const Dim& slot : code.arenas[i].slots) {
      bytes += (slot.evaluate([](std::string_view) { return 100; }) + 63) / 64 * 64;
    }
    EXPECT_EQ(table.entries[i].arena_size(dims.data()), bytes) << graph.entries()[i].name;
    sizes.insert(std::to_string(bytes));
    EXPECT_EQ(code.hostUses[i], "");
  }
  EXPECT_GT(sizes.size(), 1u) << "the entries could not be told apart";
}

TEST_F(Units, editedGraphMakesOnlyWhatChanged) {
  constexpr int kBlocks = 12;
  CompileReport first, second;
  compile(chain(kBlocks), {.cache = cache_}, &first);
  const Graph edited = chain(kBlocks, 5);
  compile(edited, {.cache = cache_}, &second);
  EXPECT_LE(second.cacheMisses, 3);
  EXPECT_GE(second.cacheHits, first.cacheMisses - 3);
  const Tensor x = noiseTensor(f32, {8, 16});
  std::vector<Tensor> got;
  ASSERT_TRUE(run(edited, {x}, &got).ok());
  VariableStore variables = initialValues(edited).value();
  auto want = Interpreter().evaluate(edited, *edited.findEntry("run"), {x}, variables);
  ASSERT_TRUE(want.ok()) << want.status();
  for (int64_t i = 0; i < got[0].numElements(); ++i) {
    EXPECT_NEAR(got[0].at(i), (*want)[0].at(i), 1e-5);
  }
}

TEST_F(Units, damagedFilesAreMadeAgain) {
  const Graph graph = mlp();
  const CompiledCode plain = compile(graph, {.cache = cache_});
  int files = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
    if (file.is_regular_file() && file.file_size() > 64) {
      std::fstream stream(file.path(), std::ios::in | std::ios::out | std::ios::binary);
      stream.seekp(static_cast<std::streamoff>(file.file_size() / 2));
      stream.put('\xff').put('\x5a').put('\x00');
      ++files;
    }
  }
  ASSERT_GT(files, 3);
  CompileReport report;
  EXPECT_EQ(compile(graph, {.cache = cache_}, &report).objects, plain.objects);
  EXPECT_EQ(report.cacheHits, 0);
}

TEST_F(Units, faultsNameTheNodesOfTheGraphThatRuns) {
  const Tensor table = Tensor::of<int32_t>({10}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  const Tensor good = Tensor::of<int32_t>({4}, {1, 2, 3, 4}), bad = Tensor::of<int32_t>({4}, {1, 2, 30, 4}),
               zero = Tensor::of<int32_t>({4}, {1, 0, 1, 1});
  int64_t hits = 0;
  for (const auto& [name, before] : {std::pair<std::string, int>{"pick", 0}, {"choose", 0}, {"take", 3}}) {
    const Graph graph = gathers(name, before);
    const Status range = run(graph, {table, bad, good});
    EXPECT_EQ(errorIdOf(range), "KILN-R0030") << range;
    EXPECT_THAT(std::string(range.message()), HasSubstr("'" + name + "'")) << range;
    const Status divide = run(graph, {table, good, zero});
    EXPECT_EQ(errorIdOf(divide), "KILN-R0031") << divide;
    EXPECT_THAT(std::string(divide.message()), HasSubstr("'" + name + "_quotient'")) << divide;
    EXPECT_TRUE(run(graph, {table, good, good}).ok());
    EXPECT_GT(cache_->use().hits, hits) << "no code came from the cache";
    hits = cache_->use().hits;
  }
}

TEST_F(Units, kernelsThatMayFailShareCodeAndNameTheirOwnNodes) {
  GraphBuilder g("two");
  Value table = g.placeholder("table", f32, {10}), i = g.placeholder("i", i32, {4}), j = g.placeholder("j", i32, {4});
  g.entry("run", {.feeds = {table, i, j},
                  .fetches = {{"a", gather(table, i).named("left")}, {"b", gather(table, j).named("right")}},
                  .targets = {}});
  const Graph graph = g.finish().value();
  CompileReport report;
  compile(graph, {}, &report);
  EXPECT_EQ(report.numFunctions, 1);
  EXPECT_EQ(report.numKernels, 2);
  const Tensor values = noiseTensor(f32, {10}), good = Tensor::of<int32_t>({4}, {1, 2, 3, 4}),
               bad = Tensor::of<int32_t>({4}, {1, 2, -30, 4});
  EXPECT_THAT(std::string(run(graph, {values, bad, good}).message()), HasSubstr("'left'"));
  EXPECT_THAT(std::string(run(graph, {values, good, bad}).message()), HasSubstr("'right'"));
}

TEST_F(Units, hostUsesNameTheFirstNode) {
  GraphBuilder g("host");
  Value x = g.placeholder("x", f64, {16});
  g.entry("sorted", {.feeds = {x}, .fetches = {{"y", sort(x * 2.0).values.named("ranking")}}, .targets = {}});
  g.entry("special", {.feeds = {x}, .fetches = {{"y", (lgamma(x).named("gammas") + 1.0)}}, .targets = {}});
  g.entry("plain", {.feeds = {x}, .fetches = {{"y", x * 3.0}}, .targets = {}});
  const Graph graph = g.finish().value();
  for (int round = 0; round < 2; ++round) {  // The second one from the cache.
    const CompiledCode code = compile(graph, {.cache = cache_});
    EXPECT_EQ(code.hostUses[0], "kiln.sort 'ranking'");
    EXPECT_EQ(code.hostUses[1], "kiln.lgamma 'gammas'");
    EXPECT_EQ(code.hostUses[2], "");
  }
}

TEST_F(Units, textsShowEveryUnitUnderItsNodes) {
  const Graph graph = mlp();
  const Entry& entry = *graph.findEntry("predict");
  auto mlir = lowerToText(graph, entry, Phase::kCodegen);
  ASSERT_TRUE(mlir.ok()) << mlir.status();
  auto llvm = lowerToCode(graph, entry, CodeText::kLlvm), assembly = lowerToCode(graph, entry, CodeText::kAssembly);
  ASSERT_TRUE(llvm.ok()) << llvm.status();
  ASSERT_TRUE(assembly.ok()) << assembly.status();
  for (const std::string& text : {*mlir, *llvm, *assembly}) {
    EXPECT_THAT(text, HasSubstr("kernel hidden"));
    EXPECT_THAT(text, HasSubstr("kiln_gemm_f32_product"));
    EXPECT_THAT(text, HasSubstr("kiln_entry_0"));
  }
  EXPECT_THAT(*llvm, HasSubstr("define hidden i32 @kiln_entry_0"));
  EXPECT_THAT(*assembly, HasSubstr("kiln_entry_0:"));
}

}  // namespace
}  // namespace kiln::compiler
