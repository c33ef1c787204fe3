// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a run checks of its sizes before anything else happens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "tests/support/models.h"

namespace kiln {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::noiseTensor;

auto fails(const std::string& id, const std::string& text) {
  return ::testing::ResultOf([](const Status& s) { return std::string(s.message()); },
                             AllOf(HasSubstr(id), HasSubstr(text)));
}

// Feeds x [n], h [ceil_div(n, 2)], m [max(n, 4)], o [2*n+1].
class ExpressionFeeds : public ::testing::Test {
 protected:
  Status run(int64_t n, int64_t h, int64_t m, int64_t o) {
    static Session session = [] {
      GraphBuilder g("feeds");
      const Dim n = g.dim("n", 1, 64);
      const Value x = g.placeholder("x", f32, {n}), h = g.placeholder("h", f32, {Dim::ceilDiv(n, 2)}),
                  m = g.placeholder("m", f32, {Dim::max(n, 4)}), o = g.placeholder("o", f32, {Dim(2) * n + 1});
      const Value sum = reduceSum(x) + reduceSum(h) + reduceSum(m) + reduceSum(o);
      const Value total = g.variable("total", g.scalar(0.0, f32));
      g.entry("run", {.feeds = {x, h, m, o}, .fetches = {{"sum", sum}}, .targets = {g.assign(total, total + sum)}});
      return createSession(g.finish().value()).value();
    }();
    const Tensor before = session.variable("total").value();
    std::vector<Tensor> out;
    Status status = session.prepareEntry("run")->run(
        {noiseTensor(f32, {n}), noiseTensor(f32, {h}), noiseTensor(f32, {m}), noiseTensor(f32, {o})}, out);
    EXPECT_TRUE(status.ok() || session.variable("total")->identicalTo(before)) << "a variable changed";
    return status;
  }
};

TEST_F(ExpressionFeeds, RightSizesRun) {
  for (int64_t n : {1, 2, 3, 4, 5, 63, 64}) {
    Status status = run(n, (n + 1) / 2, std::max<int64_t>(n, 4), 2 * n + 1);
    EXPECT_TRUE(status.ok()) << n << ": " << status;
  }
}

TEST_F(ExpressionFeeds, R0021NamesTheExpressionItsValueAndWhereItComesFrom) {
  EXPECT_THAT(run(7, 3, 7, 15),
              fails("KILN-R0021",
                    "feed 'h': shape [3] does not match the signature [floor_div(n+1, 2)]: dimension 0 is "
                    "3, wanted floor_div(n+1, 2) = 4 (n = 7 by feed 'x')"));
  EXPECT_THAT(run(2, 1, 2, 5), fails("KILN-R0021", "feed 'm': shape [2]"));
  EXPECT_THAT(run(2, 1, 2, 5), fails("KILN-R0021", "wanted max(n, 4) = 4 (n = 2 by feed 'x')"));
  EXPECT_THAT(run(7, 4, 7, 14), fails("KILN-R0021", "wanted 2*n+1 = 15 (n = 7 by feed 'x')"));
}

TEST_F(ExpressionFeeds, R0024NamesFeedAxisSizeAndRange) {
  EXPECT_THAT(run(65, 33, 65, 131),
              fails("KILN-R0024", "feed 'x': shape [65]: dimension 0 makes n = 65, outside its range [1, 64]"));
  EXPECT_THAT(run(0, 0, 4, 1), fails("KILN-R0024", "n = 0, outside its range [1, 64]"));
}

TEST(Feeds, ALinearLengthTellsItsSymbol) {
  GraphBuilder g("linear");
  const Value x = g.placeholder("x", f32, {Dim(2) * g.dim("n", 1, 10)});
  g.entry("run", {.feeds = {x}, .fetches = {{"y", reduceSum(reshape(x, {dim("n"), 2}), {1})}}, .targets = {}});
  auto session = createSession(g.finish().value());
  ASSERT_TRUE(session.ok()) << session.status();
  auto callable = session->prepareEntry("run");
  ASSERT_TRUE(callable.ok()) << callable.status();
  std::vector<Tensor> out;
  ASSERT_TRUE(callable->run({noiseTensor(f32, {6})}, out).ok());
  EXPECT_EQ(out[0].dims(), std::vector<int64_t>{3});
  EXPECT_THAT(callable->run({noiseTensor(f32, {7})}, out), fails("KILN-R0021", "dimension 0 is 7, wanted 2*n"));
  EXPECT_THAT(callable->run({noiseTensor(f32, {22})}, out), fails("KILN-R0024", "n = 11, outside its range [1, 10]"));
}

TEST(Feeds, G0014WhatNoFeedTellsIsRefusedWhenTheGraphIsFinished) {
  for (const Dim& length : {Dim::ceilDiv(dim("n"), 2), dim("n") * dim("n"), dim("n") + Dim::max(dim("n"), 3)}) {
    GraphBuilder g("unknown");
    const Value x = g.placeholder("x", f32, {length});
    g.entry("run", {.feeds = {x}, .fetches = {{"y", tanh(x)}}, .targets = {}});
    EXPECT_THAT(g.finish().status(), fails("KILN-G0014", "dimension 'n'")) << length.toString();
  }
}

TEST(Feeds, G0022LengthsThatNobodyCanReadAreRefused) {
  Dim deep = dim("n");
  for (int64_t i = 0; i < 40; ++i) {
    deep = i % 2 == 0 ? Dim::max(deep, Dim(3) * dim("m") + i) : Dim::min(deep, Dim(2) * dim("k") * dim("m") + i);
  }
  GraphBuilder g("deep");
  const Value n = g.placeholder("n", f32, {dim("n"), dim("m"), dim("k")}), x = g.placeholder("x", f32, {deep});
  g.entry("run", {.feeds = {n, x}, .fetches = {{"y", tanh(x)}}, .targets = {}});
  EXPECT_THAT(g.finish().status(), fails("KILN-G0022", "too complicated"));
}

TEST(Feeds, ADeadlineDoesNotTouchRunsThatAreInTime) {
  Session session = createSession(testing::mlp()).value();
  Callable train = session.prepareEntry("train_step").value();
  std::vector<Tensor> out;
  for (int64_t batch : {1, 5, 32}) {
    Status status = train.run({noiseTensor(f32, {batch, 8}), testing::labels(batch, 4)}, out,
                              {.deadline = std::chrono::minutes(10)});
    EXPECT_TRUE(status.ok()) << status;
  }
  auto before = session.variables();
  Status late =
      train.run({noiseTensor(f32, {5, 8}), testing::labels(5, 4)}, out, {.deadline = std::chrono::milliseconds(-1)});
  EXPECT_THAT(late, fails("KILN-R0047", "deadline"));
  for (const auto& [name, value] : session.variables()) {
    EXPECT_TRUE(value.identicalTo(before.at(name))) << name;
  }
}

}  // namespace
}  // namespace kiln
