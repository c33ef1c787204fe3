// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A session on an artifact and one on its graph start from the same bits, and so do what `init` leaves to weights.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <map>
#include <string>

#include "compiler/jit/session.h"
#include "compiler/pipelines/artifact.h"
#include "graph/eval/interpreter.h"
#include "runtime/session/artifact_source.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using testing::labels;
using testing::noiseTensor;

class ArtifactStart : public ::testing::Test {
 protected:
  ~ArtifactStart() override { std::remove(path.c_str()); }

  // The variables of a session on the graph and of one on its artifact, which are the same bits.
  std::map<std::string, Tensor> startOf(const Graph& graph) {
    Session compiled = createSession(graph, {.threads = 1}).value();
    auto report = compiler::compileArtifact(graph, {}, path);
    EXPECT_TRUE(report.ok()) << report.status();
    auto loaded = openSession(path, {.verifyWeights = true}, {.threads = 1});
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    std::map<std::string, Tensor> wanted = compiled.variables(), found = loaded->variables();
    EXPECT_EQ(wanted.size(), found.size());
    for (const auto& [name, value] : wanted) {
      EXPECT_TRUE(found.contains(name) && found.at(name).identicalTo(value)) << name;
    }
    return found;
  }

  std::string path = ::testing::TempDir() + "start" + std::to_string(::getpid()) + ".kiln";
};

// A net with random initial values: `size` * 16 normal ones and 16 uniform ones, and a dropout that uses the state
// later.
Graph randomNet(int64_t size) {
  GraphBuilder g("net");
  g.setSeed(42);
  Value x = g.placeholder("x", f32, {dim("batch"), size});
  Value w = g.variable("w", randomNormal(g, {size, 16}));
  Value b = g.variable("b", randomUniform(g, {16}, f32, -1, 1));
  Value loss = reduceMean(dropout(matmul(x, w) + b, 0.5));
  g.entry("train", {.feeds = {x}, .fetches = {{"loss", loss}}, .targets = {g.assign(b, b * 0.5)}});
  return g.finish().value();
}

constexpr int64_t kSmall = 8, kLarge = 20'000;  // interpreted; compiled

TEST_F(ArtifactStart, untrained_nets_start_as_in_process) {
  for (int64_t size : {kSmall, kLarge}) {
    const Graph graph = randomNet(size);
    auto start = startOf(graph);
    // The uniform numbers are the reference's, however they were made.
    EXPECT_TRUE(start.at("b").identicalTo(*initialValues(graph)->find("b"))) << size;
    EXPECT_TRUE(start.at("random_state").identicalTo(*initialValues(graph)->find("random_state"))) << size;
  }
}

// Some variables have weights, the random state among them: `init` draws from that, and it stays as it was given.
TEST_F(ArtifactStart, init_sees_the_weights_and_does_not_change_them) {
  for (int64_t size : {kSmall, kLarge}) {
    const Graph plain = randomNet(size);
    const auto state = std::make_shared<const Tensor>(Tensor::of<int64_t>({2}, {7, 3}));
    const Graph graph = plain.withWeights({{"random_state", state}});
    auto start = startOf(graph);
    EXPECT_TRUE(start.at("random_state").identicalTo(*state));
    EXPECT_TRUE(start.at("b").identicalTo(*initialValues(graph)->find("b"))) << size;
    const auto given = std::make_shared<const Tensor>(noiseTensor(f32, {16}));
    start = startOf(plain.withWeights({{"b", given}}));
    EXPECT_TRUE(start.at("b").identicalTo(*given));
    EXPECT_TRUE(start.at("w").identicalTo(startOf(plain).at("w")));
  }
}

TEST_F(ArtifactStart, training_gives_the_same_bits) {
  const Graph graph = testing::mlp();
  ASSERT_TRUE(compiler::compileArtifact(graph, {}, path).ok());
  Session compiled = createSession(graph, {.threads = 1}).value();
  Session loaded = openSession(path, {}, {.threads = 1}).value();
  const Tensor x = noiseTensor(f32, {6, 8}), y = labels(6, 4);
  for (int step = 0; step < 20; ++step) {
    auto wanted = compiled.runEntry("train_step", {{"x", x}, {"y", y}});
    auto found = loaded.runEntry("train_step", {{"x", x}, {"y", y}});
    ASSERT_TRUE(wanted.ok() && found.ok()) << wanted.status() << found.status();
    EXPECT_TRUE(found->at("loss").identicalTo(wanted->at("loss"))) << step;
  }
  auto some = loaded.runEntry("predict", {{"x", x}}, {"logits"});
  ASSERT_TRUE(some.ok()) << some.status();
  EXPECT_TRUE(some->at("logits").identicalTo(compiled.runEntry("predict", {{"x", x}})->at("logits")));
}

}  // namespace
}  // namespace kiln
