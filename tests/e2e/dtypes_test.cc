// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Element types through whole programs: bytes in, mixed precision in the middle, types that nothing computes with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/jit/session.h"
#include "tests/support/models.h"

namespace kiln::compiler {
namespace {

using kiln::testing::noiseTensor;

TEST(DTypes, imagesOfBytesBecomeFloatsInTheGraph) {
  GraphBuilder g("bytes");
  auto pixels = g.placeholder("pixels", u8, {dim("batch"), 5});
  auto x = cast(pixels, f32) / 255.0;
  reduceSum(x, {1}).named("sum");
  maximum(pixels, pixels / 2 + 100).named("brightened");
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor feed = Tensor::of<uint8_t>({2, 5}, {0, 51, 102, 200, 255, 255, 255, 255, 255, 0});
  auto out = session->run({{"pixels", feed}}, {"sum", "brightened"});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_NEAR(out->at("sum").at(0), (0 + 51 + 102 + 200 + 255) / 255.0, 1e-6);
  EXPECT_NEAR(out->at("sum").at(1), 4.0, 1e-6);
  EXPECT_TRUE(out->at("brightened")
                  .identicalTo(Tensor::of<uint8_t>({2, 5}, {100, 125, 151, 200, 255, 255, 255, 255, 255, 100})));
}

TEST(DTypes, gradientsPassThroughCastsBetweenPrecisions) {
  GraphBuilder g("mixed");
  auto x = g.placeholder("x", f32, {64});
  auto half = cast(x, bf16);
  auto loss = reduceSum(cast(half * half, f32));
  auto gradient = g.gradients({loss}, {x})[0].named("gradient");
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor feed = noiseTensor(f32, {64});
  auto out = session->run({{"x", feed}}, {"gradient"});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->at("gradient").dtype(), f32);
  for (int64_t i = 0; i < 64; ++i) {
    EXPECT_NEAR(out->at("gradient").at(i), 2 * feed.at(i), 0.02) << i;
  }
}

TEST(DTypes, aMeanOfManyHalvesHasAGradientThoughTheirNumberIsNoHalf) {
  GraphBuilder g("mean");
  const int64_t count = 100000;  // above the largest f16
  auto x = g.placeholder("x", f16, {dim("n")});
  auto mean = reduceMean(x).named("mean");
  auto gradient = g.gradients({mean}, {x})[0].named("gradient");
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor feed(f16, {count});
  for (int64_t i = 0; i < count; ++i) {
    feed.set(i, 3);
  }
  auto out = session->run({{"x", feed}}, {"mean", "gradient"});
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->at("mean").at(0), 3);
  EXPECT_NEAR(out->at("gradient").at(7), 1e-5, 0x1p-24);
}

TEST(DTypes, severalOpsInOneKernelRoundAfterEach) {
  GraphBuilder g("rounds");
  auto x = g.placeholder("x", f16, {33});
  ((x + 1024.0) - 1024.0).named("y");  // the sum keeps whole numbers only
  Graph graph = g.finish().value();
  auto session = createSession(graph);
  ASSERT_TRUE(session.ok()) << session.status();
  Tensor feed(f16, {33});
  for (int64_t i = 0; i < 33; ++i) {
    feed.set(i, 0.25 * static_cast<double>(i));
  }
  auto out = session->run({{"x", feed}}, {"y"});
  ASSERT_TRUE(out.ok()) << out.status();
  for (int64_t i = 0; i < 33; ++i) {
    EXPECT_EQ(out->at("y").at(i), std::nearbyint(0.25 * static_cast<double>(i))) << i;
  }
}

TEST(DTypes, o0102ComplexTensorsAreRefusedByName) {
  GraphBuilder g("complex");
  auto x = g.placeholder("x", DType::kC64, {4});
  (void)(x + x);
  auto graph = g.finish();
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(std::string(graph.status().message()),
              ::testing::AllOf(::testing::HasSubstr("KILN-O01"), ::testing::HasSubstr("c64")));
}

}  // namespace
}  // namespace kiln::compiler
