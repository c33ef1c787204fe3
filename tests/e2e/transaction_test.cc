// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A run is a transaction, through the real compiler: what fails in the middle leaves every variable as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "compiler/jit/session.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using testing::labels;
using testing::mlp;
using testing::noiseTensor;

void expectUnchanged(Session& session, const std::map<std::string, Tensor>& before) {
  for (const auto& [name, value] : session.variables()) {
    EXPECT_TRUE(value.identicalTo(before.at(name))) << name;
  }
}

TEST(Transaction, labelOutOfRangeLeavesVariablesAsTheyWere) {
  auto session = createSession(mlp());
  ASSERT_TRUE(session.ok()) << session.status();
  auto train = session->prepareEntry("train_step");
  ASSERT_TRUE(train.ok()) << train.status();
  Tensor x = noiseTensor(f32, {9, 8}), y = labels(9, 4);
  std::vector<Tensor> out;
  ASSERT_TRUE(train->run({x, y}, out).ok());
  auto before = session->variables();
  for (double bad : {4.0, -1.0, 2147483647.0}) {
    Tensor wrong = labels(9, 4);
    wrong.set(7, bad);
    Status status = train->run({x, wrong}, out);
    EXPECT_EQ(errorIdOf(status), "KILN-R0030") << status;
    expectUnchanged(*session, before);
  }
  ASSERT_TRUE(train->run({x, y}, out).ok()) << "the session goes on";
  EXPECT_FALSE(session->variable("hidden/w")->identicalTo(before.at("hidden/w")));
}

TEST(Transaction, theGradientAloneChecksItsLabels) {
  GraphBuilder g("gradient");
  auto x = g.placeholder("x", f32, {dim("batch"), 4});
  auto y = g.placeholder("y", i32, {dim("batch")});
  auto w = g.variable("w", g.constant(Tensor::of<float>({4}, {1, 1, 1, 1})));
  auto loss = reduceMean(softmaxCrossEntropy(x * w, y));
  auto step = g.assign(w, w - g.gradients({loss}, {w})[0]);
  g.entry("step", {.feeds = {x, y}, .fetches = {}, .targets = {step}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto before = session->variables();
  auto train = session->prepareEntry("step");
  ASSERT_TRUE(train.ok()) << train.status();
  std::vector<Tensor> out;
  for (double bad : {4.0, -1.0}) {
    Tensor wrong = labels(9, 4);
    wrong.set(7, bad);
    Status status = train->run({noiseTensor(f32, {9, 4}), wrong}, out);
    EXPECT_EQ(errorIdOf(status), "KILN-R0030") << status;
    expectUnchanged(*session, before);
  }
  EXPECT_TRUE(train->run({noiseTensor(f32, {9, 4}), labels(9, 4)}, out).ok());
}

Graph counterGraph() {
  GraphBuilder g("counter");
  auto table = g.placeholder("table", f32, {4, 2});
  auto index = g.placeholder("index", i32, {3});
  auto divisor = g.placeholder("divisor", i32, {2});
  auto sum = g.variable("sum", g.constant(Tensor::of<float>({3, 2}, {0, 0, 0, 0, 0, 0})));
  auto quotient = g.variable("quotient", g.constant(Tensor::of<int32_t>({2}, {1000, 1000})));
  auto count = g.variable("count", g.constant(Tensor::of<int64_t>({}, {0})));
  auto rows = gather(table, index).named("rows");
  auto step = g.group("step", {g.assign(sum, sum + rows), g.assign(quotient, (quotient / divisor).named("divide")),
                               g.assign(count, count + 1)});
  g.entry("step", {.feeds = {table, index, divisor}, .fetches = {}, .targets = {step}});
  return g.finish().value();
}

class FaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto created = createSession(counterGraph());
    ASSERT_TRUE(created.ok()) << created.status();
    session_ = std::make_unique<Session>(std::move(created).value());
  }
  Status step(const Tensor& index, const Tensor& divisor, const RunOptions& options = {}) {
    auto callable = session_->prepareEntry("step");
    KILN_RETURN_IF_ERROR(callable.status());
    std::vector<Tensor> out;
    return callable->run({table_, index, divisor}, out, options);
  }
  Tensor table_ = noiseTensor(f32, {4, 2});
  Tensor goodIndex_ = Tensor::of<int32_t>({3}, {0, 3, -4}), goodDivisor_ = Tensor::of<int32_t>({2}, {2, -5});
  std::unique_ptr<Session> session_;
};

TEST_F(FaultTest, goodStepChangesAll) {
  ASSERT_TRUE(step(goodIndex_, goodDivisor_).ok());
  EXPECT_EQ(session_->variable("count")->at(0), 1);
  EXPECT_EQ(session_->variable("quotient")->at(0), 500);
  EXPECT_EQ(session_->variable("quotient")->at(1), -200);
  EXPECT_EQ(session_->variable("sum")->data<float>()[2], table_.data<float>()[6]);
}

TEST_F(FaultTest, gatherOutOfRange) {
  ASSERT_TRUE(step(goodIndex_, goodDivisor_).ok());
  auto before = session_->variables();
  for (int32_t bad : {4, -5, 1'000'000'000}) {
    Status status = step(Tensor::of<int32_t>({3}, {0, bad, 1}), goodDivisor_);
    EXPECT_EQ(errorIdOf(status), "KILN-R0030") << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("rows"));
    expectUnchanged(*session_, before);
  }
}

TEST_F(FaultTest, integerDivisionByZero) {
  ASSERT_TRUE(step(goodIndex_, goodDivisor_).ok());
  auto before = session_->variables();
  Status status = step(goodIndex_, Tensor::of<int32_t>({2}, {3, 0}));
  EXPECT_EQ(errorIdOf(status), "KILN-R0031") << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("divide"));
  expectUnchanged(*session_, before);
}

TEST_F(FaultTest, lowestDividedByMinusOneWrapsAround) {
  ASSERT_TRUE(
      session_->setVariable("quotient", Tensor::of<int32_t>({2}, {std::numeric_limits<int32_t>::min(), 7})).ok());
  ASSERT_TRUE(step(goodIndex_, Tensor::of<int32_t>({2}, {-1, -1})).ok());
  EXPECT_EQ(session_->variable("quotient")->data<int32_t>()[0], std::numeric_limits<int32_t>::min());
  EXPECT_EQ(session_->variable("quotient")->data<int32_t>()[1], -7);
}

TEST_F(FaultTest, cancelledBeforeItBegins) {
  auto before = session_->variables();
  std::atomic<int32_t> cancel{1};
  Status status = step(goodIndex_, goodDivisor_, {.cancel = &cancel});
  EXPECT_EQ(errorIdOf(status), "KILN-R0040") << status;
  expectUnchanged(*session_, before);
  cancel = 0;
  EXPECT_TRUE(step(goodIndex_, goodDivisor_, {.cancel = &cancel}).ok());
}

TEST(Transaction, cancelFromAnotherThreadGivesAllOrNothing) {
  // Both variables count the steps: a torn run would leave them apart.
  GraphBuilder g("pair");
  auto x = g.placeholder("x", f32, {96, 96});
  auto product = x;
  for (int i = 0; i < 8; ++i) {
    product = matmul(product, x);
  }
  auto bump = cast(reduceSum(product) * 0.0 + 1.0, i64);
  auto a = g.variable("a", g.constant(Tensor::of<int64_t>({}, {0})));
  auto b = g.variable("b", g.constant(Tensor::of<int64_t>({}, {0})));
  auto step = g.group("step", {g.assign(a, a + bump), g.assign(b, b + bump)});
  g.entry("step", {.feeds = {x}, .fetches = {}, .targets = {step}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("step");
  ASSERT_TRUE(callable.ok()) << callable.status();
  Tensor feed(f32, {96, 96});
  std::atomic<int32_t> cancel{0};
  std::atomic<bool> stop{false};
  std::thread canceller([&] {
    while (!stop) {
      cancel = cancel == 0 ? 1 : 0;
      std::this_thread::yield();
    }
  });
  int64_t done = 0;
  for (int i = 0; i < 300; ++i) {
    std::vector<Tensor> out;
    Status status = callable->run({feed}, out, {.cancel = &cancel});
    done += status.ok() ? 1 : 0;
    if (!status.ok()) {
      ASSERT_EQ(errorIdOf(status), "KILN-R0040") << status;
    }
    ASSERT_EQ(session->variable("a")->at(0), static_cast<double>(done));
    ASSERT_EQ(session->variable("b")->at(0), static_cast<double>(done));
  }
  stop = true;
  canceller.join();
}

TEST(Transaction, predictBesideTrainingSeesWholeStepsOnly) {
  // Every step adds 1 to all elements of two variables, so any mixture of steps shows as a difference.
  GraphBuilder g("beside");
  auto zeros = g.constant(Tensor(f32, {64, 64}), "zeros");
  auto a = g.variable("a", zeros), b = g.variable("b", zeros);
  auto step = g.group("step", {g.assign(a, a + 1), g.assign(b, b + 1)});
  auto low = (reduceSum(a - b)).named("difference");
  auto spread = (reduceMax(a) + reduceMax(-b)).named("spread");
  g.entry("train_step", {.feeds = {}, .fetches = {}, .targets = {step}});
  g.entry("predict", {.feeds = {}, .fetches = {low, spread}, .targets = {}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto train = session->prepareEntry("train_step"), predict = session->prepareEntry("predict");
  ASSERT_TRUE(train.ok() && predict.ok()) << train.status() << predict.status();
  std::atomic<bool> stop{false};
  std::thread trainer([&] {
    for (int i = 0; i < 2000; ++i) {
      std::vector<Tensor> out;
      EXPECT_TRUE(train->run({}, out).ok());
    }
    stop = true;
  });
  int runs = 0;
  do {
    std::vector<Tensor> out;
    ASSERT_TRUE(predict->run({}, out).ok());
    EXPECT_EQ(out[0].at(0), 0);
    EXPECT_EQ(out[1].at(0), 0);
    ++runs;
  } while (!stop);
  trainer.join();
  EXPECT_EQ(session->variable("a")->at(7), 2000);
  EXPECT_GT(runs, 0);
}

}  // namespace
}  // namespace kiln
