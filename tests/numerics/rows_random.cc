// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <limits>

#include "tests/numerics/sweep.h"

namespace kiln::numerics {

void addRandomRows(SweepRows& rows) {
  rows["dropout"] = [](Sweep& s) {
    s.fetch(dropout(s.feed({1000}), 0.5));
    s.fetch(dropout(s.feed({7, 5, 3}), 0.1));
    s.fetch(dropout(s.feed({40}), 0));
    s.fetch(dropout(s.feed({40}), 1));
    s.fetch(dropout(s.feed({}), 0.25));
    s.fetch(dropout(s.feed({0, 3}), 0.25));
    s.fetch(dropout(s.feed({11, 3}, {n, 3}), 0.25));
  };
  rows["random_uniform"] = [](Sweep& s) {
    s.fetch(randomUniform(s.g, {1000}, s.dtype));
    s.fetch(randomUniform(s.g, {7, 5}, s.dtype, -3, 0.1));
    s.fetch(randomUniform(s.g, {}, s.dtype));
    s.fetch(randomUniform(s.g, {n, 3}, s.dtype));
    s.feed({11}, {n});
  };
  rows["random_normal"] = [](Sweep& s) {
    s.fetch(randomNormal(s.g, {1000}, s.dtype));
    s.fetch(randomNormal(s.g, {7, 5}, s.dtype, 3, 0.5));
    s.fetch(randomNormal(s.g, {}, s.dtype));
    s.fetch(randomNormal(s.g, {n, 3}, s.dtype));
    s.feed({11}, {n});
  };
  rows["random_truncated_normal"] = [](Sweep& s) {
    s.fetch(randomTruncatedNormal(s.g, {1000}, s.dtype));
    s.fetch(randomTruncatedNormal(s.g, {7, 5}, s.dtype, 30, 0.5));
    s.fetch(randomTruncatedNormal(s.g, {}, s.dtype));
    s.fetch(randomTruncatedNormal(s.g, {n, 3}, s.dtype));
    s.feed({11}, {n});
  };
  // The dtype of the case is the result's; the probability has every float type in turn.
  rows["random_bernoulli"] = [](Sweep& s) {
    for (DType type : {f32, f64}) {
      s.fetch(randomBernoulli(s.feedOf(type, {40, 9}, {n, 9}, "unit"), s.dtype));
      s.fetch(randomBernoulli(s.feedOf(type, {}, {}, "unit"), s.dtype));
      s.fetch(randomBernoulli(s.feedOf(type, {0}, {0}, "unit"), s.dtype));
    }
    s.fetch(randomBernoulli(s.g, {1000}, 0.25, s.dtype));
  };
  rows["random_categorical"] = [](Sweep& s) {
    for (DType type : {f32, f64}) {
      s.fetch(randomCategorical(s.feedOf(type, {7}, {7}, "unit"), 100, s.dtype));
      s.fetch(randomCategorical(s.feedOf(type, {5, 33}, {n, 33}, "unit"), 3, s.dtype));
      s.fetch(randomCategorical(s.feedOf(type, {2, 3, 1}, {2, 3, 1}, "unit"), 2, s.dtype));
      s.fetch(randomCategorical(s.feedOf(type, {4, 3}, {4, 3}, "unit"), 0, s.dtype));
    }
  };
  rows["random_permutation"] = [](Sweep& s) {
    s.fetch(randomPermutation(s.g, 100, s.dtype));
    s.fetch(randomPermutation(s.g, 1, s.dtype));
    s.fetch(randomPermutation(s.g, 0, s.dtype));
    s.fetch(randomPermutation(s.g, n * 3, s.dtype));
    s.feedOf(f32, {11}, {n}, "any");
  };
  rows["random_gamma"] = [](Sweep& s) {
    s.fetch(randomGamma(s.feed({300}, "positive")));
    s.fetch(randomGamma(s.feed({7, 5}, {n, 5}, "unit")));
    s.fetch(randomGamma(s.feed({}, "positive")));
    s.fetch(randomGamma(s.feed({0})));
  };
  rows["random_integers"] = [](Sweep& s) {
    s.fetch(randomIntegers(s.g, {1000}, 0, 100, s.dtype));
    s.fetch(randomIntegers(s.g, {7, 5}, 3, 4, s.dtype));
    s.fetch(randomIntegers(s.g, {}, 0, 127, s.dtype));
    s.fetch(randomIntegers(s.g, {n, 3}, 1, 7, s.dtype));
    if (s.dtype == i64) {
      s.fetch(randomIntegers(s.g, {50}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), i64));
    }
    s.feedOf(f32, {11}, {n}, "any");
  };
}

}  // namespace kiln::numerics
