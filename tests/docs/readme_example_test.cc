// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiles and runs the example of the README, cut out of it by the build.

#include <gtest/gtest.h>

#include "tests/docs/example_includes.inc"

namespace {

struct Batch {
  Tensor x, y;
};

// The same batch over and over: the loss of a network that learns must fall.
std::vector<Batch> repeatedBatch(int times) {
  Batch batch{Tensor(f32, {16, 64}), Tensor(i32, {16})};
  for (int64_t i = 0; i < batch.x.numElements(); ++i) {
    batch.x.mutableData<float>()[i] = static_cast<float>((i * 37 % 101) / 101.0);
  }
  for (int32_t i = 0; i < 16; ++i) {
    batch.y.mutableData<int32_t>()[i] = i % 10;
  }
  return std::vector<Batch>(static_cast<size_t>(times), batch);
}

TEST(ReadmeExample, trainsAsItIsWritten) {
  for (int rounds : {1, 300}) {
    auto data = repeatedBatch(rounds);
#include "tests/docs/example_body.inc"
    ASSERT_EQ(out.size(), 1u);
    double last = out[0].at(0);
    if (rounds == 1) {
      EXPECT_NEAR(last, 2.3, 0.3);  // ln 10: a fresh network guesses among ten classes
    } else {
      EXPECT_LT(last, 0.5);
    }
  }
}

}  // namespace
