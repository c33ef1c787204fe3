// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// orbit_grad_1e6_1mib: the gradient of a loop of a million steps that may keep no more than 1 MiB of them.
#include <fstream>
#include <string>

#include "compiler/jit/session.h"
#include "tools/kiln-bench/loops.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/special.h"

namespace kiln::bench {
namespace {

constexpr int64_t kSteps = 1'000'000;
constexpr int64_t kLimitBytes = int64_t{1} << 20;

// `VmRSS` or `VmHWM` of this process, MiB.
double statusMb(const std::string& field) {
  std::ifstream file("/proc/self/status");
  std::string word;
  while (file >> word) {
    if (word == field + ":") {
      double kib = 0;
      file >> kib;
      return kib / 1024;
    }
  }
  return 0;
}

// From here on VmHWM is the peak since now.
void resetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

struct Run {
  Session session;
  Callable callable;
  std::vector<Tensor> outputs;
};

StatusOr<Run> prepare(const Workload& workload, int64_t limit, int threads) {
  JitOptions options;
  options.threads = threads;
  options.compile.memLimit = limit;
  KILN_ASSIGN_OR_RETURN(Session session, createSession(workload.graph, options));
  KILN_ASSIGN_OR_RETURN(Callable callable, session.prepareEntry("run"));
  return Run{std::move(session), std::move(callable), {}};
}

Status call(const Workload& workload, Run& run) {
  const std::vector<TensorView> feeds(workload.feeds.begin(), workload.feeds.end());
  return run.callable.run(feeds, run.outputs);
}

}  // namespace

StatusOr<Fields> measureMemoryLimit(const SpecialOptions& options) {
  KILN_ASSIGN_OR_RETURN(Workload workload, orbit(kSteps, /*wantsGradient=*/true));
  KILN_ASSIGN_OR_RETURN(Run limited, prepare(workload, kLimitBytes, options.threads));
  // The session stands ready: all that the first run adds counts, its arena and stack among it.
  resetPeak();
  const double idle = statusMb("VmRSS");
  KILN_RETURN_IF_ERROR(call(workload, limited));
  const double delta = statusMb("VmHWM") - idle;
  KILN_ASSIGN_OR_RETURN(Timing slow, measure([&] { return call(workload, limited); }, options.seconds));
  KILN_ASSIGN_OR_RETURN(Run unlimited, prepare(workload, 0, options.threads));
  KILN_ASSIGN_OR_RETURN(Timing fast, measure([&] { return call(workload, unlimited); }, options.seconds));
  return Fields{{"rss_delta_mb", delta},
                {"slowdown", slow.median / fast.median},
                {"median_s", slow.median},
                {"unlimited_s", fast.median}};
}

// Keeping less changes no number by more than rounding.
StatusOr<Verification> verifyMemoryLimit(int threads) {
  KILN_ASSIGN_OR_RETURN(Workload workload, orbit(2000, /*wantsGradient=*/true));
  KILN_ASSIGN_OR_RETURN(Run limited, prepare(workload, 2048, threads));
  KILN_ASSIGN_OR_RETURN(Run unlimited, prepare(workload, 0, threads));
  KILN_RETURN_IF_ERROR(call(workload, limited));
  KILN_RETURN_IF_ERROR(call(workload, unlimited));
  return compare(limited.outputs, unlimited.outputs);
}

}  // namespace kiln::bench
