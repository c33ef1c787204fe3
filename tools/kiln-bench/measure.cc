// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln-bench/measure.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace kiln::bench {
namespace {

constexpr double kBlockSeconds = 2e-4;
constexpr size_t kMinSamples = 10;
constexpr double kMaxSeconds = 30;

}  // namespace

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double processAge() {
  // Field 22 of /proc/self/stat, counted after the parenthesised command name: start time in clock ticks since boot.
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) {
    fields >> field;
  }
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  double started = std::stod(field) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return static_cast<double>(boot.tv_sec) + static_cast<double>(boot.tv_nsec) * 1e-9 - started;
}

void pinToCores(int count) {
  cpu_set_t allowed, wanted;
  CPU_ZERO(&wanted);
  sched_getaffinity(0, sizeof allowed, &allowed);
  for (int core = 0; core < CPU_SETSIZE && count > 0; ++core) {
    if (CPU_ISSET(core, &allowed)) {
      CPU_SET(core, &wanted);
      --count;
    }
  }
  sched_setaffinity(0, sizeof wanted, &wanted);
}

int64_t peakRssMb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

StatusOr<Timing> measure(const std::function<Status()>& call, double seconds) {
  Timing timing;
  double start = now();
  KILN_RETURN_IF_ERROR(call());
  timing.first = now() - start;
  timing.cold = processAge();
  KILN_RETURN_IF_ERROR(call());
  start = now();
  KILN_RETURN_IF_ERROR(call());
  double one = std::max(now() - start, 1e-8);
  auto block = std::max<int64_t>(1, static_cast<int64_t>(kBlockSeconds / one));
  std::vector<double> samples;
  double spent = 0;
  while ((spent < seconds || samples.size() < kMinSamples) && spent < kMaxSeconds) {
    start = now();
    for (int64_t i = 0; i < block; ++i) {
      KILN_RETURN_IF_ERROR(call());
    }
    double elapsed = now() - start;
    samples.push_back(elapsed / static_cast<double>(block));
    spent += elapsed;
    timing.runs += block;
  }
  std::sort(samples.begin(), samples.end());
  auto at = [&](double quantile) {
    return samples[std::min(samples.size() - 1, static_cast<size_t>(quantile * samples.size()))];
  };
  timing.min = samples.front();
  timing.median = at(0.5);
  timing.p90 = at(0.9);
  return timing;
}

}  // namespace kiln::bench
