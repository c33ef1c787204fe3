// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/jit/jit_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "graph/graph.h"

namespace kiln::compiler {
namespace {

Graph doubling() {
  GraphBuilder g("doubling");
  auto x = g.placeholder("input", f32, {3});
  auto y = (x * 2).named("product");
  auto v = g.variable("v", g.constant(Tensor::of<float>({3}, {1, 2, 3})));
  g.entry("main", {.feeds = {NamedValue("x", x)}, .fetches = {NamedValue("y", y)}, .targets = {g.assign(v, y)}});
  return g.finish().value();
}

TEST(JitSource, saysWhatTheModelOffers) {
  auto source = JitSource::create(doubling(), {});
  ASSERT_TRUE(source.ok()) << source.status();
  const ModelInfo& model = (*source)->model();
  EXPECT_EQ(model.name, "doubling");
  ASSERT_EQ(model.variables.size(), 1u);
  EXPECT_EQ(model.variables[0].dims, std::vector<int64_t>{3});
  // Small initial values are there without compiling anything.
  ASSERT_NE(model.variables[0].initialValue, nullptr);
  EXPECT_EQ(model.variables[0].initialValue->at(2), 3);
  EXPECT_TRUE((*source)->reports().empty());
}

TEST(JitSource, equalRequestsCompileOnceAlsoFromTwoThreads) {
  auto source = JitSource::create(doubling(), {}).value();
  std::shared_ptr<const Executable> found[4];
  std::vector<std::thread> threads;
  for (auto& slot : found) {
    threads.emplace_back([&source, &slot] {
      slot = source->find({.entry = "main", .feeds = {}, .fetches = {}, .targets = {}}, {}).value();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (auto& slot : found) {
    EXPECT_EQ(slot, found[0]);
  }
  EXPECT_EQ(source->reports().size(), 1u);
}

TEST(JitSource, portsAndNodesAreBothNames) {
  auto source = JitSource::create(doubling(), {}).value();
  auto byPort = source->find({.entry = "", .feeds = {"x"}, .fetches = {"y"}, .targets = {}}, {});
  ASSERT_TRUE(byPort.ok()) << byPort.status();
  EXPECT_EQ((*byPort)->manifest.feeds[0].name, "x");
  EXPECT_EQ((*byPort)->manifest.fetches[0].name, "y");
  EXPECT_TRUE((*byPort)->manifest.variables.empty()) << "nothing but the fetch is computed";
  EXPECT_TRUE(source->find({.entry = "", .feeds = {"input"}, .fetches = {"product"}, .targets = {}}, {}).ok());
}

TEST(JitSource, unknownNamesAreRefusedWithTheNearest) {
  auto source = JitSource::create(doubling(), {}).value();
  Status entry = source->find({.entry = "mian", .feeds = {}, .fetches = {}, .targets = {}}, {}).status();
  EXPECT_EQ(errorIdOf(entry), "KILN-R0001");
  EXPECT_THAT(std::string(entry.message()), ::testing::HasSubstr("'main'"));
  Status fetch = source->find({.entry = "", .feeds = {"input"}, .fetches = {"produkt"}, .targets = {}}, {}).status();
  EXPECT_EQ(errorIdOf(fetch), "KILN-G0032");
  EXPECT_THAT(std::string(fetch.message()), ::testing::HasSubstr("'product'"));
  EXPECT_TRUE(source->find({.entry = "main", .feeds = {}, .fetches = {}, .targets = {}}, {}).ok())
      << "the source goes on";
}

}  // namespace
}  // namespace kiln::compiler
