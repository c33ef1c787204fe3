// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cmath>
#include <limits>

#include "gtest/gtest.h"
#include "runtime/kernels/testing.h"

namespace kiln::runtime::kernels {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Log-probabilities [times, batch, classes].
Tensor scores(DType dtype, int64_t times, int64_t batch, int64_t classes) {
  Tensor tensor = numbers(dtype, {times, batch, classes}, 5);
  for (int64_t row = 0; row < times * batch; ++row) {
    double sum = 0;
    for (int64_t k = 0; k < classes; ++k) {
      sum += std::exp(2 * tensor.at(row * classes + k));
    }
    for (int64_t k = 0; k < classes; ++k) {
      tensor.set(row * classes + k, 2 * tensor.at(row * classes + k) - std::log(sum));
    }
  }
  return tensor;
}

// Minus the log of the sum over all paths, one by one, whose labels are `wanted` (class 0 is the blank).
double lossOfPaths(const Tensor& scores, int64_t n, int64_t times, const std::vector<int64_t>& wanted) {
  const int64_t batch = scores.dims()[1], classes = scores.dims()[2];
  int64_t paths = 1;
  for (int64_t t = 0; t < times; ++t) {
    paths *= classes;
  }
  double sum = 0;
  for (int64_t path = 0; path < paths; ++path) {
    std::vector<int64_t> labels;
    double score = 0;
    int64_t before = 0;
    for (int64_t t = 0, rest = path; t < times; ++t, rest /= classes) {
      const int64_t k = rest % classes;
      if (k != 0 && k != before) {
        labels.push_back(k);
      }
      before = k;
      score += scores.at((t * batch + n) * classes + k);
    }
    sum += labels == wanted ? std::exp(score) : 0;
  }
  return -std::log(sum);
}

struct Case {
  Tensor scores, labels, times, lengths;
  CallResult loss(bool zeroed = false, int threads = 1) const {
    const int64_t batch = scores.dims()[1];
    return call(KILN_KERNEL_CTC_LOSS, {scores, labels, times, lengths},
                {{scores.dtype(), {batch}}, {scores.dtype(), {batch, scores.dims()[0], 2 * labels.dims()[1] + 1}}},
                {0, zeroed}, threads);
  }
  CallResult gradient(const Tensor& alpha, bool zeroed = false, int threads = 1) const {
    return call(KILN_KERNEL_CTC_LOSS_GRADIENT, {scores, labels, times, lengths, alpha},
                {{scores.dtype(), scores.dims()}, {scores.dtype(), alpha.dims()}}, {0, zeroed}, threads);
  }
};

// Plain, a repeated label, fewer frames, no labels, and labels that do not fit.
Case smallCase() {
  return {scores(f64, 4, 5, 3), Tensor::of<int32_t>({5, 2}, {1, 2, 2, 2, 1, 2, 0, 0, 1, 1}),
          Tensor::of<int32_t>({5}, {4, 4, 2, 3, 2}), Tensor::of<int32_t>({5}, {2, 2, 2, 0, 2})};
}

TEST(CtcKernels, the_loss_is_that_of_all_paths) {
  const Case c = smallCase();
  const Tensor loss = c.loss().results[0];
  EXPECT_NEAR(loss.at(0), lossOfPaths(c.scores, 0, 4, {1, 2}), 1e-13);
  EXPECT_NEAR(loss.at(1), lossOfPaths(c.scores, 1, 4, {2, 2}), 1e-13);
  EXPECT_NEAR(loss.at(2), lossOfPaths(c.scores, 2, 2, {1, 2}), 1e-13);
  EXPECT_NEAR(loss.at(3), lossOfPaths(c.scores, 3, 3, {}), 1e-13);
  EXPECT_EQ(loss.at(4), kInf);  // 1 1 needs a blank between
  EXPECT_EQ(c.loss(true).results[0].at(4), 0);
}

TEST(CtcKernels, the_gradient_is_that_of_the_sum_over_paths) {
  Case c = smallCase();
  const Tensor gradient = c.gradient(c.loss().results[1]).results[0];
  const double h = 1e-5;
  for (int64_t i = 0; i < c.scores.numElements(); ++i) {
    const int64_t n = i / 3 % 5;
    if (n == 4) {
      EXPECT_EQ(std::isnan(gradient.at(i)), i / 15 < 2) << i;
      continue;
    }
    const double value = c.scores.at(i);
    c.scores.set(i, value + h);
    const double above = c.loss().results[0].at(n);
    c.scores.set(i, value - h);
    const double below = c.loss().results[0].at(n);
    c.scores.set(i, value);
    EXPECT_NEAR(gradient.at(i), (above - below) / (2 * h), 1e-8) << i;
  }
  const Tensor zeroed = c.gradient(c.loss(true).results[1], true).results[0];
  for (int64_t t = 0; t < 4; ++t) {
    EXPECT_EQ(zeroed.at((t * 5 + 4) * 3), 0);
  }
}

TEST(CtcKernels, no_frames_give_no_labels_only) {
  const Case c{scores(f32, 2, 2, 3), Tensor::of<int64_t>({2, 1}, {1, 1}), Tensor::of<int64_t>({2}, {0, 0}),
               Tensor::of<int64_t>({2}, {0, 1})};
  const CallResult loss = c.loss();
  EXPECT_EQ(loss.results[0].at(0), 0);
  EXPECT_EQ(loss.results[0].at(1), kInf);
  EXPECT_EQ(loss.results[1].toString(100), Tensor(f32, {2, 2, 3}).toString(100));
}

TEST(CtcKernels, what_is_out_of_range_is_a_fault) {
  const auto expectFault = [](const Case& c, int64_t index, int64_t count) {
    const CallResult result = c.loss();
    EXPECT_EQ(result.status, KILN_STATUS_INDEX_RANGE);
    EXPECT_EQ(result.error.values[0], index);
    EXPECT_EQ(result.error.values[1], count);
    EXPECT_EQ(c.gradient(Tensor(f64, result.results[1].dims())).status, KILN_STATUS_INDEX_RANGE);
  };
  Case c = smallCase();
  c.labels.set(1, 3);
  expectFault(c, 3, 3);
  c = smallCase();
  c.times.set(0, 5);
  expectFault(c, 5, 5);
  c = smallCase();
  c.lengths.set(3, -1);
  expectFault(c, -1, 3);
}

TEST(CtcKernels, threads_do_not_change_a_bit) {
  Tensor labels(i32, {40, 9}), times(i32, {40}), lengths(i32, {40});
  for (int64_t n = 0; n < 40; ++n) {
    times.set(n, static_cast<double>(20 + n % 11));
    lengths.set(n, static_cast<double>(n % 10));
    for (int64_t s = 0; s < 9; ++s) {
      labels.set(n * 9 + s, static_cast<double>(1 + (n * 3 + s * s) % 6));
    }
  }
  const Case c{scores(f32, 30, 40, 7), labels, times, lengths};
  const CallResult one = c.loss(), four = c.loss(false, 4);
  EXPECT_EQ(one.results[0].toString(100), four.results[0].toString(100));
  EXPECT_EQ(c.gradient(one.results[1]).results[0].toString(9000),
            c.gradient(four.results[1], false, 4).results[0].toString(9000));
}

}  // namespace
}  // namespace kiln::runtime::kernels
