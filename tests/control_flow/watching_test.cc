// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// print and assert_that in compiled code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "graph/build/control_flow.h"
#include "graph/graph.h"

namespace kiln {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Lines = std::vector<std::string>;

Session sessionOf(const Graph& graph, Lines* lines = nullptr) {
  JitOptions options;
  options.threads = 1;
  if (lines != nullptr) {
    options.print = [lines](std::string_view line) { lines->emplace_back(line); };
  }
  return createSession(graph, options).value();
}

TEST(Print, shows_the_value_with_the_name_of_the_node) {
  GraphBuilder g("print");
  Value x = g.placeholder("x", f32, {3});
  Value shown = print(x * 2.0, 2).named("shown");
  g.entry("main", {.feeds = {x}, .fetches = {{"y", shown + 1.0}}, .targets = {}});
  Lines lines;
  Session session = sessionOf(g.finish().value(), &lines);
  auto y = session.runEntry("main", {{"x", Tensor::of<float>({3}, {1, 2, 3})}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->at("y").toString(), Tensor::of<float>({3}, {3, 5, 7}).toString());
  EXPECT_THAT(lines, ElementsAre("shown: " + Tensor::of<float>({3}, {2, 4, 6}).toString(2)));
}

TEST(Print, goes_to_stderr_unless_the_session_takes_it) {
  GraphBuilder g("print");
  Value x = g.placeholder("x", i64, {});
  g.entry("main", {.feeds = {x}, .fetches = {{"y", print(x).named("seen")}}, .targets = {}});
  Session session = sessionOf(g.finish().value());
  ::testing::internal::CaptureStderr();
  const Status status = session.runEntry("main", {{"x", Tensor::scalar<int64_t>(7)}}).status();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "seen: " + Tensor::scalar<int64_t>(7).toString() + "\n");
  EXPECT_TRUE(status.ok()) << status;
}

// Two nodes that print one value are two lines; a constant is printed as well; what nobody uses is not.
TEST(Print, is_neither_merged_nor_dropped_where_its_result_is_used) {
  GraphBuilder g("print");
  Value x = g.placeholder("x", f32, {});
  Value a = print(x).named("a"), b = print(x).named("b"), c = print(g.scalar(4, f32)).named("c");
  print(x).named("unused");
  g.entry("main", {.feeds = {x}, .fetches = {{"y", a + b + c + a}}, .targets = {}});
  Lines lines;
  Session session = sessionOf(g.finish().value(), &lines);
  auto y = session.runEntry("main", {{"x", Tensor::scalar(1.0f)}});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->at("y").at(0), 7);
  std::sort(lines.begin(), lines.end());
  const std::string one = Tensor::scalar(1.0f).toString();
  EXPECT_THAT(lines, ElementsAre("a: " + one, "b: " + one, "c: " + Tensor::scalar(4.0f).toString()));
}

TEST(Print, once_for_each_step_of_a_loop) {
  GraphBuilder g("loop");
  Value x = g.placeholder("x", f32, {2});
  Values y = forRange(
      g, 0, 3, 1, {x}, [&](Value, const Values& c) { return Values{print(c[0] + 1.0).named("h") * 2.0}; }, "loop");
  g.entry("main", {.feeds = {x}, .fetches = {{"y", y[0]}}, .targets = {}});
  Lines lines;
  Session session = sessionOf(g.finish().value(), &lines);
  const Status status = session.runEntry("main", {{"x", Tensor::of<float>({2}, {0, 1})}}).status();
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("loop//h: " + Tensor::of<float>({2}, {1, 2}).toString()));
  EXPECT_THAT(lines[2], HasSubstr(Tensor::of<float>({2}, {7, 11}).toString()));
}

TEST(Print, gradients_pass_through_without_a_line) {
  GraphBuilder g("gradient");
  Value x = g.placeholder("x", f32, {});
  Value y = print(x * x).named("y");
  g.entry("main", {.feeds = {x}, .fetches = {{"dx", g.gradients({y * 3.0}, {x})[0]}, {"z", y * 3.0}}, .targets = {}});
  Lines lines;
  Session session = sessionOf(g.finish().value(), &lines);
  auto got = session.runEntry("main", {{"x", Tensor::scalar(2.0f)}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->at("dx").at(0), 12);
  EXPECT_EQ(lines.size(), 1u);
}

Graph asserting(DType dtype) {
  GraphBuilder g("assert");
  Value x = g.placeholder("x", dtype, {dim("n")});
  Value v = g.variable("v", 5);
  Value checked = assertThat(x, greater(x, 0), "x is positive").named("checked");
  g.entry("main", {.feeds = {x}, .fetches = {{"y", checked + x}}, .targets = {g.assign(v, v + 1.0)}});
  return g.finish().value();
}

TEST(Assert, passes_the_value_on_where_the_condition_holds) {
  for (DType dtype : {f32, f64, i32}) {
    Session session = sessionOf(asserting(dtype));
    Tensor x(dtype, {5});
    for (int i = 0; i < 5; ++i) {
      x.set(i, i + 1);
    }
    auto y = session.runEntry("main", {{"x", x}});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ(y->at("y").at(4), 10);
  }
}

TEST(Assert, ends_the_run_with_its_node_and_message_and_leaves_variables) {
  Session session = sessionOf(asserting(f32));
  Tensor x(f32, {100});
  for (int i = 0; i < 100; ++i) {
    x.set(i, i == 71 ? -1 : 1);
  }
  const Status status = session.runEntry("main", {{"x", x}}).status();
  EXPECT_EQ(errorIdOf(status), "KILN-R0043");
  EXPECT_THAT(std::string(status.message()), HasSubstr("kiln.assert_that 'checked': assertion failed: x is positive"));
  EXPECT_EQ(session.variable("v")->at(0), 5);
}

TEST(Assert, ends_a_run_from_within_a_loop) {
  GraphBuilder g("loop");
  Value x = g.placeholder("x", f32, {});
  Values y = forRange(
      g, 0, 10, 1, {x},
      [&](Value, const Values& c) { return Values{assertThat(c[0] * 2.0, less(c[0], 50.0), "below 50").named("h")}; },
      "loop");
  g.entry("main", {.feeds = {x}, .fetches = {{"y", y[0]}}, .targets = {}});
  Session session = sessionOf(g.finish().value());
  EXPECT_TRUE(session.runEntry("main", {{"x", Tensor::scalar(0.01f)}}).ok());
  const Status status = session.runEntry("main", {{"x", Tensor::scalar(1.0f)}}).status();
  EXPECT_EQ(errorIdOf(status), "KILN-R0043");
  EXPECT_THAT(std::string(status.message()), HasSubstr("kiln.assert_that 'loop//h': assertion failed: below 50"));
}

}  // namespace
}  // namespace kiln
