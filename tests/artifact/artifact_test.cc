// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Graphs compiled into artifacts, and run from there.
#include "compiler/pipelines/artifact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "compiler/cache/kernel_cache.h"
#include "compiler/jit/session.h"
#include "compiler/pipelines/model_info.h"
#include "proto/artifact/artifact.pb.h"
#include "proto/codec/file.h"
#include "proto/codec/safetensors.h"
#include "runtime/artifact/artifact_file.h"
#include "runtime/session/artifact_source.h"
#include "runtime/session/weights.h"
#include "tests/support/models.h"

namespace kiln::compiler {
namespace {

namespace fs = std::filesystem;
using ::kiln::testing::labels;
using ::kiln::testing::mlp;
using ::kiln::testing::noiseTensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Artifact : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "kiln_artifact_XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  static std::string bytesOf(const std::string& path) { return readFile(path, int64_t{1} << 30).value(); }

 private:
  fs::path folder_;
};

ArtifactReport compiled(const Graph& graph, const ArtifactRequest& request, const std::string& path) {
  auto report = compileArtifact(graph, request, path);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : ArtifactReport();
}

std::vector<float> losses(Session& session, int steps) {
  std::vector<float> out;
  for (int i = 0; i < steps; ++i) {
    Tensor x = noiseTensor(f32, {12, 8}, i), y = labels(12, 4);
    auto fetched = session.runEntry("train_step", {{"x", x}, {"y", y}});
    EXPECT_TRUE(fetched.ok()) << fetched.status();
    out.push_back(fetched->at("loss").data<float>()[0]);
  }
  return out;
}

void expectSameBits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.dtype(), b.dtype());
  ASSERT_EQ(a.dims(), b.dims());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), static_cast<size_t>(a.numBytes())), 0);
}

// A graph whose variables are too large for the interpreter, so that only running init gives them values.
Graph largeInit() {
  GraphBuilder g("large");
  auto x = g.placeholder("x", f32, {dim("batch"), 500});
  auto y = nn::dense(g, "layer", x, 500).named("y");
  g.entry("predict", {.feeds = {x}, .fetches = {y}, .targets = {}});
  return g.finish().value();
}

TEST_F(Artifact, trainsAsASessionInThisProcessDoes) {
  const Graph graph = mlp();
  compiled(graph, {}, path("m.kiln"));
  auto artifact = openSession(path("m.kiln"));
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  auto here = createSession(graph);
  ASSERT_TRUE(here.ok()) << here.status();
  EXPECT_EQ(losses(*artifact, 20), losses(*here, 20));
  const auto trained = artifact->variables(), trainedHere = here->variables();
  ASSERT_EQ(trained.size(), trainedHere.size());
  for (const auto& [name, value] : trainedHere) {
    SCOPED_TRACE(name);
    expectSameBits(trained.at(name), value);
  }
}

TEST_F(Artifact, bytesFollowFromGraphEntriesAndTargetsAlone) {
  const Graph graph = mlp();
  compiled(graph, {}, path("first.kiln"));
  const std::string want = bytesOf(path("first.kiln"));
  ArtifactRequest request;
  request.compile.codegenThreads = 1;
  compiled(graph, request, path("one_thread.kiln"));
  EXPECT_EQ(bytesOf(path("one_thread.kiln")), want);
  request.compile.codegenThreads = 2;
  auto cache = KernelCache::open(path("cache"));
  ASSERT_TRUE(cache.ok()) << cache.status();
  request.compile.cache = *cache;
  compiled(graph, request, path("empty_cache.kiln"));
  EXPECT_EQ(bytesOf(path("empty_cache.kiln")), want);
  const ArtifactReport cached = compiled(graph, request, path("warm_cache.kiln"));
  EXPECT_EQ(bytesOf(path("warm_cache.kiln")), want);
  EXPECT_GT(cached.compilations[0].cacheHits, 0);
  EXPECT_EQ(cached.compilations[0].cacheMisses, 0);
}

TEST_F(Artifact, initGoesAlongWhereVariablesStartFromIt) {
  const Graph graph = largeInit();
  const ModelInfo model = modelInfoOf(graph).value();
  const auto weight = std::ranges::find(model.variables, "layer/w", &VariableSpec::name);
  ASSERT_NE(weight, model.variables.end());
  ASSERT_EQ(weight->initialValue, nullptr) << "the graph is not large enough for this test";
  const ArtifactReport report = compiled(graph, {.entries = {"predict"}}, path("large.kiln"));
  EXPECT_THAT(report.entries, ElementsAre("predict", "init"));
  EXPECT_LT(report.sizes.numBytes, 500'000u) << "variables that init makes take no place";
  auto artifact = openSession(path("large.kiln"));
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  auto here = createSession(graph);
  ASSERT_TRUE(here.ok()) << here.status();
  expectSameBits(*artifact->variable("layer/w"), *here->variable("layer/w"));
  const Tensor x = noiseTensor(f32, {3, 500});
  expectSameBits(artifact->runEntry("predict", {{"x", x}})->at("y"), here->runEntry("predict", {{"x", x}})->at("y"));
}

TEST_F(Artifact, leavesOutVariablesThatNoEntryUses) {
  const Graph graph = mlp();
  const ArtifactReport all = compiled(graph, {}, path("all.kiln"));
  const ArtifactReport predict = compiled(graph, {.entries = {"predict"}}, path("predict.kiln"));
  EXPECT_THAT(predict.entries, ElementsAre("predict"));
  EXPECT_EQ(predict.numVariables, 4u) << "weights and biases of two layers, no momentum";
  EXPECT_GT(all.numVariables, predict.numVariables);
  auto source = openArtifact(path("predict.kiln"));
  ASSERT_TRUE(source.ok()) << source.status();
  const Tensor x = noiseTensor(f32, {5, 8});
  auto session = openSession(path("predict.kiln"));
  ASSERT_TRUE(session.ok()) << session.status();
  auto here = createSession(graph);
  expectSameBits(session->runEntry("predict", {{"x", x}})->at("logits"),
                 here->runEntry("predict", {{"x", x}})->at("logits"));
}

TEST_F(Artifact, unknownEntriesAreNamed) {
  const Status status = compileArtifact(mlp(), {.entries = {"predcit"}}, path("m.kiln")).status();
  EXPECT_EQ(errorIdOf(status), "KILN-R0001");
  EXPECT_THAT(std::string(status.message()), HasSubstr("'predict'"));
  EXPECT_FALSE(fs::exists(path("m.kiln")));
}

TEST_F(Artifact, severalTargetsAreOneFileAndAgree) {
  const Graph graph = mlp();
  const ArtifactReport report =
      compiled(graph, {.targets = "x86-64-v4,x86-64-v2,x86-64-v3,-fma"}, path("several.kiln"));
  EXPECT_THAT(report.targets, ElementsAre("x86-64-v4", "x86-64-v2", "x86-64-v3,-fma"));
  auto file = ArtifactFile::open(path("several.kiln"));
  ASSERT_TRUE(file.ok()) << file.status();
  const artifact::Manifest& manifest = (*file)->manifest();
  ASSERT_EQ(manifest.images_size(), 3);
  EXPECT_EQ(manifest.images(0).vector_bits(), 512u);
  EXPECT_EQ(manifest.images(1).vector_bits(), 128u);
  EXPECT_THAT(manifest.images(0).features(), ::testing::Contains("avx512f"));
  EXPECT_THAT(manifest.images(2).features(), ::testing::Not(::testing::Contains("fma")));
  auto chosen = (*file)->chooseImage();
  ASSERT_TRUE(chosen.ok()) << chosen.status();
  // What each target's code computes is what a session for this target does.
  for (const char* target : {"x86-64-v2", "x86-64-v3,-fma"}) {
    SCOPED_TRACE(target);
    auto artifact = openSession(path("several.kiln"), {.target = target});
    ASSERT_TRUE(artifact.ok()) << artifact.status();
    JitOptions options;
    options.compile.target = target;
    auto here = createSession(graph, options);
    ASSERT_TRUE(here.ok()) << here.status();
    EXPECT_EQ(losses(*artifact, 5), losses(*here, 5));
  }
  const Status other = openArtifact(path("several.kiln"), {.target = "x86-64-v3"}).status();
  EXPECT_EQ(errorIdOf(other), "KILN-R0305");
}

TEST_F(Artifact, ofSeveralThatFitTheWidestIsTaken) {
  compiled(mlp(), {.entries = {"predict"}, .targets = "x86-64,x86-64-v2,host"}, path("m.kiln"));
  auto file = ArtifactFile::open(path("m.kiln"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->chooseImage().value(), 2u);
  EXPECT_EQ((*file)->chooseImage("x86-64").value(), 0u);
}

TEST_F(Artifact, aFolderIsTheSameArtifact) {
  const Graph graph = mlp();
  compiled(graph, {}, path("packed.kiln"));
  const ArtifactReport report = compiled(graph, {.isUnpacked = true}, path("unpacked"));
  uint64_t numBytes = 0;
  std::vector<std::string> names;
  for (const auto& file : fs::directory_iterator(path("unpacked"))) {
    names.push_back(file.path().filename().string());
    numBytes += file.file_size();
  }
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("manifest", "image0.elf", "weights.safetensors"));
  EXPECT_EQ(report.sizes.numBytes, numBytes);
  auto packed = openSession(path("packed.kiln")), unpacked = openSession(path("unpacked"));
  ASSERT_TRUE(packed.ok() && unpacked.ok()) << packed.status() << unpacked.status();
  EXPECT_EQ(losses(*unpacked, 3), losses(*packed, 3));
}

TEST_F(Artifact, aFolderIsReplacedAsAWholeAndOnlyWhenItIsAnArtifact) {
  const Graph graph = mlp();
  compiled(graph, {.isUnpacked = true}, path("m"));
  compiled(graph, {.entries = {"predict"}, .isUnpacked = true}, path("m/"));
  EXPECT_TRUE(openSession(path("m")).ok());
  EXPECT_EQ(openSession(path("m"))->model().entries.size(), 1u);
  size_t beside = 0;
  for (const auto& file : fs::directory_iterator(fs::path(path("m")).parent_path())) {
    ++beside;
    EXPECT_EQ(file.path().filename(), "m");
  }
  EXPECT_EQ(beside, 1u) << "nothing is left of the old folder";
  std::ofstream(path("m/notes.txt")) << "mine";
  const Status mine = compileArtifact(graph, {.isUnpacked = true}, path("m")).status();
  EXPECT_EQ(errorIdOf(mine), "KILN-P0004");
  EXPECT_THAT(std::string(mine.message()), HasSubstr("notes.txt"));
  EXPECT_TRUE(fs::exists(path("m/notes.txt")));
  EXPECT_EQ(errorIdOf(compileArtifact(graph, {}, path("m")).status()), "KILN-P0004")
      << "a folder is no place for a file";
}

TEST_F(Artifact, weightsAreASafetensorsFileWithAlignedTensors) {
  GraphBuilder g("constants");
  auto x = g.placeholder("x", f32, {1000, 64});
  auto n = g.placeholder("n", i64, {77});
  const Tensor large = noiseTensor(f32, {1000, 64});
  auto sum = (g.constant(large) + x).named("sum");
  auto product = (g.constant(Tensor(large)) * x).named("product");
  Tensor squares(i64, {77});
  for (int64_t i = 0; i < 77; ++i) {
    squares.set(i, static_cast<double>(i * i));
  }
  auto odd = (g.constant(squares) + n).named("odd");
  g.entry("a", {.feeds = {x}, .fetches = {sum}, .targets = {}});
  g.entry("b", {.feeds = {x, n}, .fetches = {product, odd}, .targets = {}});
  compiled(g.finish().value(), {.isUnpacked = true}, path("c"));
  auto weights = SafetensorsFile::open(path("c/weights.safetensors"));
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->entries().size(), 2u) << "equal constants are stored once";
  for (const auto& entry : weights->entries()) {
    if (entry.numBytes % 64 == 0) {
      EXPECT_EQ(entry.begin % 64, 0) << entry.name;
    }
  }
}

TEST_F(Artifact, weightsComeAndGoWithoutCompilingAgain) {
  const Graph graph = mlp();
  compiled(graph, {}, path("m.kiln"));
  auto trained = openSession(path("m.kiln"));
  ASSERT_TRUE(trained.ok()) << trained.status();
  losses(*trained, 5);
  ASSERT_TRUE(exportWeights(*trained, path("w.safetensors")).ok());
  auto fresh = openSession(path("m.kiln"));
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  const Status imported = importWeights(*fresh, path("w.safetensors"));
  ASSERT_TRUE(imported.ok()) << imported;
  EXPECT_EQ(losses(*fresh, 5), losses(*trained, 5));
}

}  // namespace
}  // namespace kiln::compiler
