// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A training run that is stopped, written down and taken up again is the same run, bit for bit, through compiled code.
#include "runtime/checkpoint/checkpoint.h"

#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "graph/optim/methods.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using testing::labels;
using testing::noiseTensor;

// Two layers with a random mask between them, so that the random state matters in every step.
StatusOr<Graph> noisyModel(const std::string& optimizer) {
  GraphBuilder g("noisy");
  g.setSeed(5);
  auto x = g.placeholder("x", f32, {dim("batch"), 8});
  auto y = g.placeholder("y", i32, {dim("batch")});
  auto hidden = nn::dense(g, "hidden", x, 16, [](Operand v) { return tanh(v); });
  auto mask = cast(less(randomUniform(g, {16}, f32, 0, 1), 0.75), f32);
  auto loss = reduceMean(softmaxCrossEntropy(nn::dense(g, "out", hidden * mask, 4), y)).named("loss");
  KILN_ASSIGN_OR_RETURN(optim::Optimizer method,
                        optim::makeOptimizer(g, optimizer, {.learningRate = 1e-2, .momentum = {}, .weightDecay = {}}));
  auto step = method.minimize(loss);
  g.entry("train_step", {.feeds = {x, y}, .fetches = {loss}, .targets = {step}});
  return g.finish();
}

class Resume : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    dir_ = ::testing::TempDir() + "/kiln_resume_" + GetParam() + std::to_string(::getpid());
    std::filesystem::remove_all(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // The losses of steps first + 1 to last.
  static void train(Session& session, int first, int last, std::vector<double>& losses) {
    auto step = session.prepareEntry("train_step");
    ASSERT_TRUE(step.ok()) << step.status();
    std::vector<Tensor> out;
    for (int i = first; i < last; ++i) {
      Status status = step->run({noiseTensor(f32, {12, 8}, i), labels(12, 4)}, out);
      ASSERT_TRUE(status.ok()) << status;
      losses.push_back(out[0].at(0));
    }
  }

  std::string dir_;
};

TEST_P(Resume, in_two_parts_equals_in_one) {
  auto graph = noisyModel(GetParam());
  ASSERT_TRUE(graph.ok()) << graph.status();
  std::vector<double> whole, parts;
  auto session = createSession(*graph);
  ASSERT_TRUE(session.ok()) << session.status();
  train(*session, 0, 60, whole);
  {
    auto first = createSession(*graph);
    train(*first, 0, 30, parts);
    auto writer = CheckpointWriter::open(dir_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE(writer->save(*first, 30).ok());
    ASSERT_TRUE(writer->close().ok());
  }
  auto second = createSession(*graph);
  auto latest = latestCheckpoint(dir_);
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_EQ(latest->step, 30);
  auto report = restoreCheckpoint(*second, latest->path);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->restored.size(), second->variableNames().size());
  train(*second, 30, 60, parts);
  EXPECT_EQ(whole, parts);
  for (const auto& [name, value] : session->variables()) {
    EXPECT_TRUE(value.identicalTo(*second->variable(name))) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Optimizers, Resume,
                         ::testing::Values("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam",
                                           "adamw", "amsgrad", "adamax", "nadam", "lamb", "lion", "adafactor"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace kiln
