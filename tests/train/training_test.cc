// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Training runs through compiled code: a pure function of description and seed, resumed bit for bit, and what schedules
// and early stopping do.
#include <atomic>
#include <cmath>
#include <memory>

#include "compiler/jit/session.h"
#include "graph/io/graph_io.h"
#include "tests/train/train_testing.h"
#include "tools/kiln/train/outputs.h"
#include "tools/kiln/train/report.h"
#include "tools/kiln/train/trainer.h"

namespace kiln::train {
namespace {

using testing::expectError;
using testing::Folder;
using testing::parsed;

// Three noisy classes in the plane, in a file.
std::string points(int rows) {
  std::string text;
  for (int i = 0; i < rows; ++i) {
    const double angle = i % 3 * 2.1;
    text += std::to_string(std::cos(angle) + 0.3 * std::sin(i * 1.7)) + "," +
            std::to_string(std::sin(angle) + 0.3 * std::cos(i * 2.3)) + "," + std::to_string(i % 3) + "\n";
  }
  return text;
}

constexpr char kNet[] =
    "layer { name: 'hidden' dense { units: 8 activation: 'tanh' } } layer { name: 'norm' batch_norm {} }"
    "layer { name: 'drop' dropout { rate: 0.25 } } layer { name: 'out' dense {} }"
    "loss { type: 'softmax_cross_entropy' } ";

// One run and what it left.
struct Trained {
  Network network;
  TrainResult result;
  std::vector<Progress> progress;
  std::vector<std::string> warnings;
  std::unique_ptr<Session> session;
};

class Training : public ::testing::Test {
 protected:
  Training() { folder_.write("points.csv", points(90)); }

  StatusOr<Trained> tryRun(const std::string& text, bool resume = false, int64_t stopAfter = -1) {
    const ConfigFile file =
        parsed("data { csv { path: 'points.csv' } test { last_rows: 30 } } " + text, folder_ / "net.textproto");
    Trained run;
    KILN_ASSIGN_OR_RETURN(const bool hasClasses, hasClassLabels(file));
    KILN_ASSIGN_OR_RETURN(const Dataset data, readDataset(file, {f32, hasClasses}));
    KILN_ASSIGN_OR_RETURN(const Plan plan, planOf(file, data.train.numRows()));
    KILN_ASSIGN_OR_RETURN(run.network, buildNetwork(file, inputOf(data, f32, plan.totalSteps)));
    KILN_ASSIGN_OR_RETURN(RunCheckpoints checkpoints, RunCheckpoints::open(file, resume));
    KILN_ASSIGN_OR_RETURN(Session session, createSession(run.network.graph, {.threads = 1}));
    run.session = std::make_unique<Session>(std::move(session));
    std::atomic<bool> stop{false};
    const Listener listener{.onStep = [&](int64_t step, double) { stop = step == stopAfter; },
                            .onProgress = [&](const Progress& progress) { run.progress.push_back(progress); },
                            .onWarning = [&](const std::string& text) { run.warnings.push_back(text); }};
    KILN_ASSIGN_OR_RETURN(run.result,
                          trainNetwork(file, run.network, data, plan, *run.session, checkpoints, listener, &stop));
    KILN_RETURN_IF_ERROR(checkpoints.close());
    return run;
  }
  Trained run(const std::string& text, bool resume = false, int64_t stopAfter = -1) {
    StatusOr<Trained> run = tryRun(text, resume, stopAfter);
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? *std::move(run) : Trained();
  }

  static void expectSameVariables(const Session& a, const Session& b) {
    const auto left = a.variables(), right = b.variables();
    ASSERT_EQ(left.size(), right.size());
    for (const auto& [name, value] : left) {
      EXPECT_TRUE(value.identicalTo(right.at(name))) << name;
    }
  }

  Folder folder_;
};

TEST_F(Training, learns) {
  const Trained done =
      run(std::string(kNet) + "optimizer { learning_rate: 0.02 } training { batch_size: 10 epochs: 15 }");
  ASSERT_EQ(done.result.test.size(), 2u);
  EXPECT_EQ(done.result.test[1].first, "accuracy");
  EXPECT_GE(done.result.test[1].second, 0.9);
  EXPECT_EQ(done.result.losses.size(), 90u);
  ASSERT_EQ(done.progress.size(), 15u);
  EXPECT_EQ(done.progress[14].epoch, 15);
  EXPECT_EQ(done.progress[14].test, done.result.test);
}

TEST_F(Training, is_a_function_of_description_and_seed) {
  const std::string text = std::string(kNet) + "training { batch_size: 10 epochs: 3 } ";
  const Trained first = run(text), second = run(text), other = run(text + "seed: 2");
  EXPECT_EQ(first.result.losses, second.result.losses);
  expectSameVariables(*first.session, *second.session);
  EXPECT_NE(first.result.losses, other.result.losses);
}

TEST_F(Training, resumed_run_equals_the_uninterrupted_one) {
  const auto text = [](const std::string& folder, const std::string& steps) {
    return std::string(kNet) +
           "optimizer { learning_rate: 0.02 schedule { cosine { steps: 30 } warm_up_steps: 4 } }"
           "training { batch_size: 10 early_stopping { patience: 50 } steps: " +
           steps + " } checkpoints { every_steps: 4 folder: '" + folder + "' }";
  };
  const Trained whole = run(text("whole", "20"));
  // In the middle of an epoch of 6 steps.
  const Trained part = run(text("parts", "20"), false, 9);
  EXPECT_TRUE(part.result.wasInterrupted);
  EXPECT_EQ(part.result.state.step, 9);
  const Trained rest = run(text("parts", "20"), true);
  std::vector<double> losses = part.result.losses;
  losses.insert(losses.end(), rest.result.losses.begin(), rest.result.losses.end());
  EXPECT_EQ(losses, whole.result.losses);
  EXPECT_EQ(rest.result.test, whole.result.test);
  EXPECT_EQ(rest.result.state.best, whole.result.state.best);
  EXPECT_EQ(rest.result.state.waited, whole.result.state.waited);
  EXPECT_EQ(rest.progress.back().loss, whole.progress.back().loss);
  expectSameVariables(*whole.session, *rest.session);
}

TEST_F(Training, checkpoints_of_other_runs_are_refused) {
  const std::string text = std::string(kNet) + "training { batch_size: 10 steps: 2 } checkpoints { folder: 'c' } ";
  run(text);
  expectError(tryRun(text).status(), "R0208", {"c"});
  expectError(tryRun(text + "seed: 9", true).status(), "R0215", {"seed"});
  expectError(tryRun(text + "layer { dense { units: 3 } }", true).status(), "R0215", {"net"});
  expectError(tryRun(kNet, true).status(), "T0031", {"--resume", "no checkpoints"});
}

TEST_F(Training, early_stopping_ends_it) {
  // A rate of zero improves nothing: the first evaluation is the best, and two more are waited for.
  const Trained done = run(std::string(kNet) +
                           "optimizer { type: 'sgd' learning_rate: 0 }"
                           "training { batch_size: 10 epochs: 20 early_stopping { patience: 2 metric: 'accuracy' } }");
  EXPECT_TRUE(done.result.state.isDone);
  EXPECT_LT(done.result.state.step, 120);
  EXPECT_EQ(done.result.state.step % 6, 0);
  expectError(tryRun(std::string(kNet) + "training { early_stopping { metric: 'acuracy' } }").status(), "T0031",
              {"did you mean 'accuracy'"});
}

TEST_F(Training, schedule_acts) {
  // With the rate 0 from step 2 on nothing changes any more.
  const std::string net = "layer { name: 'out' dense {} } loss { type: 'softmax_cross_entropy' } ";
  const std::string schedule = "optimizer { type: 'sgd' learning_rate: 0.5 schedule { polynomial { steps: 2 } } }";
  const Trained two = run(net + schedule + "training { batch_size: 10 steps: 2 }");
  const Trained ten = run(net + schedule + "training { batch_size: 10 steps: 10 }");
  const Trained one = run(net + schedule + "training { batch_size: 10 steps: 1 }");
  const auto weights = [](const Trained& run) { return *run.session->variable("out/w"); };
  EXPECT_TRUE(weights(two).identicalTo(weights(ten)));
  EXPECT_FALSE(weights(one).identicalTo(weights(two)));
}

TEST_F(Training, evaluates_as_often_as_said) {
  const Trained done =
      run(std::string(kNet) +
          "metric { type: 'top_k' k: 2 } training { batch_size: 10 epochs: 2 evaluate_every_steps: 4 }");
  // At the steps 4, 6 (an epoch's end), 8 and 12.
  ASSERT_EQ(done.progress.size(), 4u);
  EXPECT_EQ(done.progress[0].step, 4);
  EXPECT_FALSE(done.progress[0].epoch.has_value());
  EXPECT_TRUE(done.progress[1].test.empty());
  EXPECT_EQ(done.progress[1].epoch, 1);
  EXPECT_EQ(done.progress[3].test[1].first, "top_2");
}

TEST_F(Training, batches_of_the_evaluation_do_not_matter) {
  const std::string text =
      std::string(kNet) + "metric { type: 'accuracy' } training { batch_size: 10 epochs: 1 evaluation_batch: ";
  const Trained small = run(text + "7 }"), large = run(text + "256 }");
  EXPECT_DOUBLE_EQ(small.result.test[1].second, large.result.test[1].second);
  EXPECT_NEAR(small.result.test[0].second, large.result.test[0].second, 1e-6);
}

TEST_F(Training, written_graph_predicts_as_the_session) {
  const Trained done = run(std::string(kNet) + "training { batch_size: 10 epochs: 2 }");
  const auto trained = trainedGraph(done.network.graph, *done.session);
  ASSERT_TRUE(trained.ok()) << trained.status();
  ASSERT_TRUE(writeModel(*trained, folder_ / "m.pb", {}).ok());
  const auto read = readGraph(folder_ / "m.pb");
  ASSERT_TRUE(read.ok()) << read.status();
  auto again = createSession(*read, {.threads = 1});
  ASSERT_TRUE(again.ok()) << again.status();
  const Tensor x = Tensor::of<float>({3, 2}, {1, 0, -0.5, 1, -0.5, -1});
  const auto wanted = done.session->runEntry("predict", {{"x", x}}), got = again->runEntry("predict", {{"x", x}});
  ASSERT_TRUE(wanted.ok() && got.ok()) << wanted.status() << got.status();
  EXPECT_TRUE(wanted->at("out").identicalTo(got->at("out")));
  expectError(writeModel(*trained, folder_ / "m.kil", {}), "T0031", {"m.kil", ".kiln"});
}

TEST(TrainReport, plot_shows_the_curve) {
  std::vector<double> losses;
  for (int i = 0; i < 100; ++i) {
    losses.push_back(100 - i);
  }
  const std::string plot = plotLosses(losses, 10, 3);
  EXPECT_THAT(plot, ::testing::HasSubstr("95.5"));  // the mean of the first ten
  EXPECT_THAT(plot, ::testing::HasSubstr("5.5"));
  EXPECT_THAT(plot, ::testing::HasSubstr("loss of 100 steps"));
  EXPECT_EQ(plotLosses(std::vector<double>{1.0}), "");
  EXPECT_EQ(plotLosses(std::vector<double>{1.0, NAN}), "");
}

}  // namespace
}  // namespace kiln::train
