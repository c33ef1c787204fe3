// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What one executable for every size costs.
#pragma once

#include "proto/base/status.h"

namespace kiln::bench {

struct RandomSizes {
  int64_t sizes = 0;            ///< That were run.
  double build = 0, first = 0;  ///< Seconds to define and prepare, and of the first call.
  int64_t compilations = 0;     ///< After the first, for all sizes.
  double median = 0;            ///< Seconds of a call, over the sizes.
  /// The time of the one executable over that of an executable compiled from a graph with just this size in numbers,
  /// taken in turns, each the least of several: median and 99th percentile over the sizes.
  double medianRatio = 0, p99Ratio = 0;
};

/// Runs an encoder with pooling over x [batch, length, 32] for `count` random pairs of batch (1 to 16) and length (2 to
/// 96), the same pairs every time. Specialising in the background is off.
StatusOr<RandomSizes> runRandomSizes(int count, int threads);

}  // namespace kiln::bench
