// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "compiler/jit/session.h"
#include "graph/io/onnx/tensor_proto.h"
#include "runtime/session/artifact_source.h"
#include "tools/kiln-run/feed.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/compile_flags.h"
#include "tools/kiln/flags.h"
#include "tools/kiln/read_model.h"

namespace kiln::tools {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

struct BenchCommand {
  std::string model;
  std::string entry;
  std::vector<std::string> feeds, dims;
  ImportFlags import;
  double seconds = 3;
  int threads = 0;
  std::string target;
  uint64_t memLimit = 0;
  bool noCache = false;
  bool json = false;
};

double secondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// A feed and where its value is from.
struct Feed {
  std::string name;
  Tensor value;
  const char* origin = "";
};

struct Times {
  std::vector<double> seconds;  // Of each run, sorted.
  int64_t warmUps = 0;
  double total = 0;

  // The run at least as long as this share of all.
  double at(double share) const {
    const auto index = static_cast<size_t>(std::ceil(share * static_cast<double>(seconds.size())));
    return seconds[std::clamp<size_t>(index, 1, seconds.size()) - 1];
  }
  double mean() const {
    return std::accumulate(seconds.begin(), seconds.end(), 0.0) / static_cast<double>(seconds.size());
  }
};

StatusOr<Session> open(const BenchCommand& options, const std::shared_ptr<KernelCache>& cache) {
  if (isArtifactPath(options.model)) {
    const bool isImported = !options.import.shapes.empty() || !options.import.values.empty();
    if (options.memLimit > 0 || isImported) {
      return makeError<ErrorId::kT0034>((isImported ? "--shape and --value are" : "--mem-limit is") +
                                        (" for models that are compiled, and '" + options.model + "' is an artifact"));
    }
    return openSession(options.model, {.target = options.target}, {.threads = options.threads});
  }
  JitOptions jit;
  jit.threads = options.threads;
  jit.compile.cache = cache;
  jit.compile.memLimit = static_cast<int64_t>(std::min<uint64_t>(options.memLimit, INT64_MAX));
  if (!options.target.empty()) {
    KILN_RETURN_IF_ERROR(checkRunsHere(options.target));
    jit.compile.target = options.target;
  }
  KILN_ASSIGN_OR_RETURN(const Graph graph, readModelGraph(options.model, options.import));
  return createSession(graph, std::move(jit));
}

StatusOr<std::string> chooseEntry(const Session& session, const BenchCommand& options) {
  std::vector<std::string> names;
  for (const EntryInfo& entry : session.model().entries) {
    if (entry.name == options.entry) {
      return entry.name;
    }
    if (entry.name != "init") {
      names.push_back(entry.name);
    }
  }
  if (!options.entry.empty()) {
    return makeError<ErrorId::kT0006>(options.model, options.entry, nearestNames(options.entry, names));
  }
  if (names.size() != 1) {
    return makeError<ErrorId::kT0005>(options.model, nearestNames("", names));
  }
  return names[0];
}

using Lengths = std::map<std::string, int64_t, std::less<>>;

// The lengths of the entry's symbols: those of --dim, and of feeds that are given; else the smallest above 0.
StatusOr<Lengths> chooseLengths(const EntryManifest& manifest, const BenchCommand& options,
                                const std::map<std::string, Tensor>& fed) {
  Lengths lengths;
  std::vector<std::string> names;
  for (const SymbolSpec& symbol : manifest.symbols) {
    names.push_back(symbol.name);
    lengths[symbol.name] = std::max<int64_t>(1, symbol.range.min);
  }
  for (const TensorSpec& spec : manifest.feeds) {
    const auto value = fed.find(spec.name);
    for (int axis = 0; value != fed.end() && axis < std::min(spec.shape.rank(), value->second.rank()); ++axis) {
      if (const auto symbol = spec.shape[axis].asSymbol()) {
        lengths[*symbol] = value->second.dims()[static_cast<size_t>(axis)];
      }
    }
  }
  for (const std::string& text : options.dims) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const char* const begin = text.data() + std::min(text.size(), equals == std::string::npos ? equals : equals + 1);
    const char* const end = text.data() + text.size();
    int64_t length = 0;
    const auto [rest, error] = std::from_chars(begin, end, length);
    if (equals == std::string::npos || error != std::errc() || rest != end || length < 0) {
      return makeError<ErrorId::kT0034>("--dim " + text + ": wanted NAME=LENGTH, such as batch=8");
    }
    if (!lengths.contains(name)) {
      return makeError<ErrorId::kT0034>("--dim " + text + ": the entry has " +
                                        (names.empty()
                                             ? "no dimensions to choose"
                                             : "no dimension '" + name + "'; nearest: " + nearestNames(name, names)));
    }
    lengths[name] = length;
  }
  return lengths;
}

// Numbers between -1 and 1 for floats, the same in each run; zeros for others, which may be positions or classes.
Tensor makeValue(const TensorSpec& spec, const Lengths& lengths) {
  std::vector<int64_t> dims;
  for (const Dim& length : spec.shape) {
    dims.push_back(length.evaluate([&](std::string_view symbol) {
      const auto found = lengths.find(symbol);
      return found == lengths.end() ? int64_t{1} : found->second;
    }));
  }
  Tensor tensor(spec.dtype, dims);
  if (isFloat(spec.dtype)) {
    std::minstd_rand random(1);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      tensor.set(i, uniform(random));
    }
  }
  return tensor;
}

StatusOr<std::vector<Feed>> makeFeeds(const EntryManifest& manifest, const BenchCommand& options) {
  std::map<std::string, Tensor> fed;
  std::vector<std::string> names;
  for (const TensorSpec& spec : manifest.feeds) {
    names.push_back(spec.name);
  }
  const FeedReaders readers{.tensorProto = [](const std::string& path) { return onnx::readTensorFile(path); }};
  for (const std::string& text : options.feeds) {
    KILN_ASSIGN_OR_RETURN(const FeedText feed, splitFeed(text));
    const auto spec = std::ranges::find(manifest.feeds, feed.name, &TensorSpec::name);
    if (spec == manifest.feeds.end()) {
      return makeError<ErrorId::kT0034>("--feed " + text + ": the entry has no feed '" + feed.name +
                                        "'; nearest: " + nearestNames(feed.name, names));
    }
    KILN_ASSIGN_OR_RETURN(fed[feed.name], readFeed(feed, spec->dtype, readers));
  }
  KILN_ASSIGN_OR_RETURN(const Lengths lengths, chooseLengths(manifest, options, fed));
  std::vector<Feed> feeds;
  for (const TensorSpec& spec : manifest.feeds) {
    if (const auto found = fed.find(spec.name); found != fed.end()) {
      feeds.push_back({spec.name, std::move(found->second), "fed"});
    } else {
      feeds.push_back({spec.name, makeValue(spec, lengths), isFloat(spec.dtype) ? "random" : "zeros"});
    }
  }
  return feeds;
}

// Runs until the time is over. Before, it warms up: for a tenth of the time, and until code for just these lengths is
// there where the session makes some in the background.
StatusOr<Times> measure(const Session& session, const Callable& callable, const std::vector<Feed>& feeds,
                        double seconds) {
  constexpr int64_t kFewestRuns = 5;
  const int64_t runsToSpecialize = SessionOptions{}.specializeAfter + 1;
  constexpr double kLongestWait = 10;
  std::vector<TensorView> views;
  for (const Feed& feed : feeds) {
    views.push_back(feed.value.view());
  }
  std::vector<Tensor> fetches;
  Times times;
  const bool specializes = !callable.signature().symbols.empty() && session.statistics().compilations > 0;
  const auto isSpecialized = [&] {
    const SourceStatistics statistics = session.statistics();
    return statistics.specializations + statistics.failedSpecializations > 0;
  };
  auto begin = Clock::now();
  while (times.warmUps < 2 || secondsSince(begin) < seconds / 10 ||
         (specializes && secondsSince(begin) < std::min(kLongestWait, 10 * seconds) &&
          (times.warmUps < runsToSpecialize || !isSpecialized()))) {
    KILN_RETURN_IF_ERROR(callable.run(views, fetches));
    ++times.warmUps;
  }
  begin = Clock::now();
  while (static_cast<int64_t>(times.seconds.size()) < kFewestRuns || times.total < seconds) {
    const auto start = Clock::now();
    KILN_RETURN_IF_ERROR(callable.run(views, fetches));
    times.seconds.push_back(secondsSince(start));
    times.total = secondsSince(begin);
  }
  std::ranges::sort(times.seconds);
  return times;
}

std::string durationText(double seconds) {
  char text[32];
  const char* unit = seconds < 1e-3 ? "us" : seconds < 1 ? "ms" : "s";
  const double value = seconds * (seconds < 1e-3 ? 1e6 : seconds < 1 ? 1e3 : 1);
  std::snprintf(text, sizeof text, "%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0, value, unit);
  return text;
}

std::string typeText(const Tensor& tensor) { return ValueType{tensor.dtype(), Shape::of(tensor.dims())}.toString(); }

int numThreads(const BenchCommand& options) {
  return options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

void printTable(const BenchCommand& options, const std::string& entry, const std::vector<Feed>& feeds, double ready,
                const Times& times) {
  std::printf("%s, entry '%s', %d %s; ready after %s\n", options.model.c_str(), entry.c_str(), numThreads(options),
              numThreads(options) == 1 ? "thread" : "threads", durationText(ready).c_str());
  for (const Feed& feed : feeds) {
    std::printf("  feed %-20s %-28s %s\n", feed.name.c_str(), typeText(feed.value).c_str(), feed.origin);
  }
  std::printf("%zu runs in %.2f s, after %lld to warm up\n\n", times.seconds.size(), times.total,
              static_cast<long long>(times.warmUps));
  std::printf("%10s %10s %10s %10s %10s %10s %12s\n", "min", "p50", "p90", "p99", "max", "mean", "runs/s");
  for (double value : {times.at(0), times.at(0.5), times.at(0.9), times.at(0.99), times.at(1), times.mean()}) {
    std::printf("%10s ", durationText(value).c_str());
  }
  std::printf("%12.1f\n", static_cast<double>(times.seconds.size()) / times.total);
}

void printJson(const BenchCommand& options, const std::string& entry, const std::vector<Feed>& feeds, double ready,
               const Times& times) {
  Json json{{"model", options.model}, {"entry", entry}, {"threads", numThreads(options)}, {"feeds", Json::array()}};
  for (const Feed& feed : feeds) {
    json["feeds"].push_back({{"name", feed.name}, {"type", typeText(feed.value)}, {"value", feed.origin}});
  }
  json.update({{"ready_s", ready},
               {"warm_up_runs", times.warmUps},
               {"runs", times.seconds.size()},
               {"seconds", times.total},
               {"min_s", times.at(0)},
               {"p50_s", times.at(0.5)},
               {"p90_s", times.at(0.9)},
               {"p99_s", times.at(0.99)},
               {"max_s", times.at(1)},
               {"mean_s", times.mean()},
               {"runs_per_s", static_cast<double>(times.seconds.size()) / times.total}});
  std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

// Runs an entry again and again and tells how long that takes. What it writes to variables is lost afterwards. Errors:
// KILN-T0005, T0006 for the entry, KILN-T0034 for flags, and those of reading, compiling and running.
Status benchModel(const BenchCommand& options) {
  const std::shared_ptr<KernelCache> cache = openCache(options.noCache || isArtifactPath(options.model));
  const auto begin = Clock::now();
  KILN_ASSIGN_OR_RETURN(Session session, open(options, cache));
  KILN_ASSIGN_OR_RETURN(const std::string entry, chooseEntry(session, options));
  KILN_ASSIGN_OR_RETURN(const Callable callable, session.prepareEntry(entry));
  const double ready = secondsSince(begin);
  KILN_ASSIGN_OR_RETURN(const std::vector<Feed> feeds, makeFeeds(callable.signature(), options));
  const StatusOr<Times> times = measure(session, callable, feeds, options.seconds);
  if (!times.ok()) {
    return annotate(times.status(), options.model);
  }
  (options.json ? printJson : printTable)(options, entry, feeds, ready, *times);
  reportCache(cache);
  return Status();
}

}  // namespace

void addBenchCommand(CLI::App& app, Status& status) {
  auto bench = std::make_shared<BenchCommand>();
  CLI::App* command = app.add_subcommand("bench", "tells how long runs of a model take");
  command->footer(
      "Floats that are not fed are random numbers between -1 and 1, the same each time; integers and bools are zero.\n"
      "Entries that train are run too: their variables are those of this process only.\n"
      "Examples:\n  kiln bench model.onnx --threads 1\n"
      "  kiln bench digits.graph.pb --entry predict --dim batch=64 --seconds 1 --json\n  kiln bench model.kiln");
  addModel(*command, bench->model);
  command->add_option("--entry", bench->entry, "entry point to run; may be left out when there is one");
  command
      ->add_option("--feed", bench->feeds,
                   "NAME=VALUE, NAME=@file.npy, NAME=@file.npz:key or NAME=@file.pb; repeat for more")
      ->allow_extra_args(false);
  command->add_option("--dim", bench->dims, "NAME=LENGTH of a symbolic dimension, 1 by default; repeat for more")
      ->allow_extra_args(false);
  command->add_option("--seconds", bench->seconds, "how long to measure, 3 by default")->check(CLI::PositiveNumber);
  addImportFlags(*command, bench->import.shapes, bench->import.values);
  addThreads(*command, bench->threads);
  addTarget(*command, bench->target);
  addMemLimit(*command, bench->memLimit);
  addNoCache(*command, bench->noCache);
  addJson(*command, bench->json);
  command->callback([bench, &status] { status = benchModel(*bench); });
}

}  // namespace kiln::tools
