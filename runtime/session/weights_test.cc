// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/session/weights.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "proto/codec/safetensors.h"
#include "runtime/session/testing.h"

namespace kiln::runtime {
namespace {

class WeightsTest : public ::testing::Test {
 protected:
  ~WeightsTest() override { std::remove(path.c_str()); }
  std::string path = ::testing::TempDir() + "weights" + std::to_string(::getpid()) + ".safetensors";
  Session session = fakeSession();
};

Tensor filled(float value) { return Tensor::of<float>({256}, std::vector<float>(256, value)); }

TEST_F(WeightsTest, exported_values_come_back) {
  ASSERT_TRUE(session.setVariable("w", filled(3)).ok());
  ASSERT_TRUE(exportWeights(session, path).ok());
  EXPECT_EQ(readSafetensors(path)->size(), 3u);
  ASSERT_TRUE(session.setVariable("w", filled(4)).ok());
  ASSERT_TRUE(session.setVariable("count", Tensor::scalar<int64_t>(7)).ok());
  ASSERT_TRUE(importWeights(session, path).ok());
  EXPECT_TRUE(session.variable("w")->identicalTo(filled(3)));
  EXPECT_EQ(session.variable("count")->at(0), 0);
}

TEST_F(WeightsTest, r0311_lists_all_differences_and_changes_nothing) {
  auto expect = [&](const std::vector<NamedTensor>& tensors, const std::vector<std::string>& texts) {
    ASSERT_TRUE(writeSafetensors(path, tensors).ok());
    for (const std::string& text : texts) {
      expectError(importWeights(session, path), "KILN-R0311", text);
    }
  };
  const Tensor w = filled(8), count = Tensor::scalar<int64_t>(8);
  expect({{"w", w}, {"count", count}}, {"1 is missing ('b')"});
  expect({}, {"3 are missing ('b', 'count', 'w')"});
  expect({{"w", w}, {"b", w}, {"count", count}, {"cuont", count}},
         {"1 is no variable ('cuont'; did you mean 'count'?"});
  expect({{"w", w}, {"b", Tensor(f32, {255})}, {"count", Tensor(i32, {})}},
         {"2 have other types", "'b' is f32[255], wanted f32[256]", "'count' is i32[], wanted i64[]"});
  expect({{"w", w}, {"weights", w}}, {"2 are missing ('b', 'count'); 1 is no variable ('weights'"});
  EXPECT_TRUE(session.variable("w")->identicalTo(filled(1)));
  expectError(importWeights(session, path + ".none"), "KILN-P0001", "none");
}

// Runs see all of the old values or all of the new ones.
TEST_F(WeightsTest, import_is_one_moment) {
  const std::vector<NamedTensor> both = {{"w", filled(50)}, {"b", filled(50)}, {"count", Tensor::scalar<int64_t>(1)}};
  ASSERT_TRUE(writeSafetensors(path, both).ok());
  std::atomic<bool> stop{false};
  std::atomic<int> numMixed{0}, numNew{0};
  std::thread reader([&] {
    Callable predict = session.prepareEntry("predict").value();
    std::vector<Tensor> out;
    while (!stop) {
      ASSERT_TRUE(predict.run({}, out).ok());
      const bool isNew = out[0].at(0) == 50, isOther = out[0].at(256 + 255) == 50;
      numMixed += isNew != isOther ? 1 : 0;
      numNew += isNew ? 1 : 0;
    }
  });
  for (int i = 0; i < 200 || numNew == 0; ++i) {
    ASSERT_TRUE(session.setVariables({{"w", filled(1)}, {"b", filled(2)}}).ok());
    ASSERT_TRUE(importWeights(session, path).ok());
  }
  stop = true;
  reader.join();
  EXPECT_EQ(numMixed, 0);
}

}  // namespace
}  // namespace kiln::runtime
