// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file Timing: blocks of calls, so that the clock costs little, and the median over them.
#pragma once

#include <cstdint>
#include <functional>

#include "proto/base/status.h"

namespace kiln::bench {

/// Seconds.
struct Timing {
  double first = 0;  ///< The first call.
  double min = 0, median = 0, p90 = 0;
  int64_t runs = 0;
  double cold = 0;  ///< From the start of the process to the end of the first call.
};

/// Calls `call` until `seconds` have passed, at least ten samples.
StatusOr<Timing> measure(const std::function<Status()>& call, double seconds);

/// Seconds since some fixed point.
double now();
/// Seconds since this process was started by the system, program loading included. Resolution: the kernel's clock tick.
double processAge();
/// Pins the process to its first `count` cores.
void pinToCores(int count);
/// The largest resident memory so far, MiB.
int64_t peakRssMb();

}  // namespace kiln::bench
