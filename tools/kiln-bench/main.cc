// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// kiln-bench: measures one workload and prints one line.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "compiler/jit/session.h"
#include "tools/kiln-bench/measure.h"
#include "tools/kiln-bench/random_sizes.h"
#include "tools/kiln-bench/special.h"
#include "tools/kiln-bench/verify.h"
#include "tools/kiln-bench/workloads.h"

namespace {

using kiln::Status;
using Json = nlohmann::ordered_json;

struct Options {
  std::string workload;
  std::string models;
  int threads = 1;
  double seconds = 2;
  bool json = false;
  bool verify = false;
  bool noCache = false;
};

// Six significant digits are what a clock is worth.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return std::strtod(text, nullptr);
}

void print(const Json& row, bool asJson) {
  if (asJson) {
    std::printf("%s\n", row.dump().c_str());
    return;
  }
  for (const auto& [key, value] : row.items()) {
    std::printf("%-14s %s\n", key.c_str(), value.is_string() ? value.get<std::string>().c_str() : value.dump().c_str());
  }
}

Status runVerify(const Options& options, bool& isEqual) {
  kiln::bench::Verification result;
  if (const kiln::bench::SpecialWorkload* special = kiln::bench::findSpecial(options.workload)) {
    KILN_ASSIGN_OR_RETURN(result, special->verify(options.threads));
  } else {
    KILN_ASSIGN_OR_RETURN(kiln::bench::Workload workload,
                          kiln::bench::makeWorkload(options.workload, /*isSmall=*/true));
    KILN_ASSIGN_OR_RETURN(result, kiln::bench::verify(workload, options.threads));
  }
  isEqual = result.isEqual;
  print({{"workload", options.workload}, {"verified", result.isEqual}, {"max_error", rounded(result.maxError)}},
        options.json);
  return Status();
}

// Workloads with fields of their own.
Status runSpecial(const Options& options, const kiln::bench::SpecialWorkload& special) {
  KILN_ASSIGN_OR_RETURN(
      kiln::bench::Fields fields,
      special.measure({.threads = options.threads, .seconds = options.seconds, .models = options.models}));
  Json row = {
      {"peer", "kiln"}, {"version", KILN_VERSION}, {"workload", options.workload}, {"threads", options.threads}};
  for (const auto& [name, value] : fields) {
    row[name] = rounded(value);
  }
  row["peak_rss_mb"] = kiln::bench::peakRssMb();
  print(row, options.json);
  return Status();
}

Status runMeasure(const Options& options) {
  if (const kiln::bench::SpecialWorkload* special = kiln::bench::findSpecial(options.workload)) {
    return runSpecial(options, *special);
  }
  double start = kiln::bench::now();
  KILN_ASSIGN_OR_RETURN(kiln::bench::Workload workload, kiln::bench::makeWorkload(options.workload));
  KILN_ASSIGN_OR_RETURN(kiln::Session session, kiln::createSession(workload.graph, {.threads = options.threads}));
  KILN_ASSIGN_OR_RETURN(kiln::Callable callable, session.prepareEntry("run"));
  double build = kiln::bench::now() - start;
  std::vector<kiln::TensorView> feeds(workload.feeds.begin(), workload.feeds.end());
  std::vector<kiln::Tensor> outputs;
  KILN_ASSIGN_OR_RETURN(kiln::bench::Timing timing,
                        kiln::bench::measure([&] { return callable.run(feeds, outputs); }, options.seconds));
  print({{"peer", "kiln"},
         {"version", KILN_VERSION},
         {"workload", options.workload},
         {"threads", options.threads},
         {"build_s", rounded(build)},
         {"first_s", rounded(timing.first)},
         {"min_s", rounded(timing.min)},
         {"median_s", rounded(timing.median)},
         {"p90_s", rounded(timing.p90)},
         {"runs", timing.runs},
         {"peak_rss_mb", kiln::bench::peakRssMb()},
         {"cold_s", rounded(timing.cold)}},
        options.json);
  return Status();
}

// Not one call, but one executable for many sizes.
constexpr const char* kRandomSizes = "random_sizes_200";

Status runRandomSizes(const Options& options) {
  KILN_ASSIGN_OR_RETURN(kiln::bench::RandomSizes result, kiln::bench::runRandomSizes(200, options.threads));
  print({{"peer", "kiln"},
         {"version", KILN_VERSION},
         {"workload", options.workload},
         {"threads", options.threads},
         {"build_s", rounded(result.build)},
         {"first_s", rounded(result.first)},
         {"median_s", rounded(result.median)},
         {"sizes", result.sizes},
         {"compilations", result.compilations},
         {"median_over_specialised", rounded(result.medianRatio)},
         {"p99_over_specialised", rounded(result.p99Ratio)},
         {"peak_rss_mb", kiln::bench::peakRssMb()}},
        options.json);
  return Status();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  bool list = false;
  CLI::App app(
      "Measures Kiln on one workload.\nExample: kiln-bench --workload call_add --threads 1 --seconds 2 --json");
  app.option_defaults()->always_capture_default();
  auto* workload = app.add_option("--workload", options.workload, "what to measure; --list prints the names");
  app.add_flag("--list", list, "print the workloads' names")->excludes(workload);
  auto* threads = app.add_option("--threads", options.threads,
                                 "cores to use; the process is pinned to the first ones (tree_lstm_256: all, unless "
                                 "given)")
                      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "how long to measure")->check(CLI::PositiveNumber);
  app.add_option("--models", options.models, "folder of model files, for workloads that run one");
  app.add_flag("--verify", options.verify, "run once and compare with the reference interpreter instead");
  app.add_flag(
      "--no-cache", options.noCache,
      "do not read compiled kernels from disk (recompile_edited_resnet50 alone does, from a folder of its own)");
  app.add_flag("--json", options.json, "one JSON line");
  CLI11_PARSE(app, argc, argv);
  const kiln::bench::SpecialWorkload* special = kiln::bench::findSpecial(options.workload);
  if (special != nullptr && special->usesAllCores && threads->count() == 0) {
    options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }

  if (list || options.workload.empty()) {
    for (const std::string& name : kiln::bench::workloadNames()) {
      std::printf("%s\n", name.c_str());
    }
    std::printf("%s\n", kRandomSizes);
    return list ? 0 : 1;
  }
  kiln::bench::pinToCores(options.threads);
  bool isEqual = true;
  Status status = options.workload == kRandomSizes ? runRandomSizes(options)
                  : options.verify                 ? runVerify(options, isEqual)
                                                   : runMeasure(options);
  if (!status.ok()) {
    std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
    return 1;
  }
  return isEqual ? 0 : 1;
}
