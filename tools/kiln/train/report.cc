// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace kiln::train {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kBarWidth = 30;
// Redrawing costs more than a small step: the bar moves about so often over the whole run.
constexpr int64_t kRedraws = 200;

long long number(int64_t value) { return static_cast<long long>(value); }

// JSON has no numbers that are not finite.
Json jsonOf(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json jsonOf(const Evaluation& evaluation) {
  Json object = Json::object();
  for (const auto& [name, value] : evaluation) {
    object[name] = jsonOf(value);
  }
  return object;
}

void printLine(const Json& json) {
  std::printf("%s\n", json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

}  // namespace

void Report::clearBar() const {
  if (options_.isTerminal && !options_.isJson) {
    std::printf("\r\x1b[K");
  }
}

void Report::started(const Network& network, const Dataset& data, int64_t startStep) {
  if (options_.isJson) {
    return;
  }
  std::printf("%zu layers, %lld parameters; %lld rows to train on, %lld to test; %lld steps of %lld rows\n",
              network.layers.size(), number(network.numParameters()), number(data.train.numRows()),
              number(data.test.numRows()), number(plan_.totalSteps), number(plan_.batchSize));
  if (startStep > 0) {
    std::printf("resumed after step %lld\n", number(startStep));
  }
  std::fflush(stdout);
}

void Report::step(int64_t step, double loss) {
  if (!options_.isTerminal || options_.isJson) {
    return;
  }
  if (step % std::max<int64_t>(1, plan_.totalSteps / kRedraws) == 0) {
    const double fraction = static_cast<double>(step) / static_cast<double>(plan_.totalSteps);
    const int filled = static_cast<int>(std::lround(fraction * kBarWidth));
    std::string bar;
    for (int i = 0; i < kBarWidth; ++i) {
      bar += i < filled ? "█" : "░";
    }
    std::printf("\r\x1b[K%s %3.0f%%  step %lld  loss %.4f", bar.c_str(), 100 * fraction, number(step), loss);
    std::fflush(stdout);
  }
}

void Report::progress(const Progress& progress) {
  if (options_.isJson) {
    Json line;
    if (progress.epoch) {
      line["epoch"] = *progress.epoch;
    }
    line["step"] = progress.step;
    line["loss"] = jsonOf(progress.loss);
    if (!progress.test.empty()) {
      line["test"] = jsonOf(progress.test);
    }
    printLine(line);
    return;
  }
  clearBar();
  if (progress.epoch) {
    std::printf("epoch %3lld  loss %.4f", number(*progress.epoch), progress.loss);
  } else {
    std::printf("step %5lld  loss %.4f", number(progress.step), progress.loss);
  }
  for (const auto& [name, value] : progress.test) {
    std::printf("  test %s %.4f", name.c_str(), value);
  }
  std::printf("\n");
  std::fflush(stdout);
}

void Report::warning(const std::string& text) {
  clearBar();
  std::fflush(stdout);
  std::fprintf(stderr, "warning: %s\n", text.c_str());
}

void Report::finished(const Network& network, const TrainResult& result, const std::vector<std::string>& outputs) {
  if (options_.isJson) {
    Json line{{"steps", result.state.step},
              {"parameters", network.numParameters()},
              {"loss", jsonOf(result.losses.empty() ? NAN : result.losses.back())},
              {"test", jsonOf(result.test)},
              {"stopped_early", result.state.isDone},
              {"interrupted", result.wasInterrupted},
              {"outputs", outputs}};
    printLine(line);
    return;
  }
  clearBar();
  if (result.state.isDone) {
    std::printf("stopped early after step %lld: no improvement in %lld evaluations\n", number(result.state.step),
                number(result.state.waited));
  }
  if (result.wasInterrupted) {
    std::printf("interrupted after step %lld\n", number(result.state.step));
  }
  if (options_.isTerminal || options_.wantsPlot) {
    std::printf("%s", plotLosses(result.losses).c_str());
  }
  for (const std::string& output : outputs) {
    std::printf("written: %s\n", output.c_str());
  }
  if (result.test.empty()) {
    std::printf("training loss: %.4f\n", result.losses.empty() ? NAN : result.losses.back());
  } else {
    const auto& [name, value] = result.test[result.test.size() > 1 ? 1 : 0];
    std::printf("test %s: %.4f\n", name.c_str(), value);
  }
  std::fflush(stdout);
}

std::string toJsonLine(const Network& network) {
  Json layers = Json::array();
  for (const LayerSummary& layer : network.layers) {
    layers.push_back({{"name", layer.name},
                      {"kind", layer.kind},
                      {"result", layer.shape.toString()},
                      {"parameters", layer.numParameters}});
  }
  return Json{{"parameters", network.numParameters()}, {"layers", layers}}.dump() + "\n";
}

std::string plotLosses(std::span<const double> losses, int width, int height) {
  std::vector<double> columns;  // the mean of each stretch of steps
  const auto count = static_cast<int64_t>(losses.size());
  const int64_t numColumns = std::min<int64_t>(width, count);
  for (int64_t i = 0; i < numColumns; ++i) {
    const int64_t begin = i * count / numColumns, end = (i + 1) * count / numColumns;
    double sum = 0;
    for (int64_t step = begin; step < end; ++step) {
      sum += losses[step];
    }
    columns.push_back(sum / static_cast<double>(end - begin));
  }
  const bool isFinite = std::ranges::all_of(columns, [](double value) { return std::isfinite(value); });
  if (columns.size() < 2 || !isFinite) {
    return "";
  }
  const auto [lowest, highest] = std::ranges::minmax(columns);
  // A character has four dots above each other (Unicode's Braille patterns), of which the left ones are used.
  constexpr int kDots = 4;
  constexpr std::array<int, kDots> kBits = {0x40, 0x04, 0x02, 0x01};  // from below
  const int levels = height * kDots;
  std::vector<std::string> lines(static_cast<size_t>(height));
  for (double value : columns) {
    const double part = highest > lowest ? (value - lowest) / (highest - lowest) : 0;
    const int level = static_cast<int>(std::lround(part * (levels - 1)));
    for (int line = 0; line < height; ++line) {
      const int bits = level / kDots == height - 1 - line ? kBits[static_cast<size_t>(level % kDots)] : 0;
      lines[static_cast<size_t>(line)] +=
          {static_cast<char>(0xe2), static_cast<char>(0xa0 | (bits >> 6)), static_cast<char>(0x80 | (bits & 0x3f))};
    }
  }
  std::string text = "\n";
  for (int line = 0; line < height; ++line) {
    std::array<char, 32> scale{};
    if (line == 0 || line == height - 1) {
      std::snprintf(scale.data(), scale.size(), "%10.4g", line == 0 ? highest : lowest);
    }
    std::snprintf(scale.data(), scale.size(), "%10s", std::string(scale.data()).c_str());
    text += std::string(scale.data()) + " │" + lines[static_cast<size_t>(line)] + "\n";
  }
  return text + std::string(10, ' ') + " └ loss of " + std::to_string(count) + " steps\n\n";
}

}  // namespace kiln::train
