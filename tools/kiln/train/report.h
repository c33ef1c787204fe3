// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
/// \file What a run prints.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/kiln/train/trainer.h"

namespace kiln::train {

/// How a run is told of on stdout.
struct ReportOptions {
  bool isJson = false;      ///< A line of JSON for each progress, and one object at the end.
  bool isTerminal = false;  ///< A bar while it goes on, lines above it, and a plot at the end.
  bool wantsPlot = false;   ///< The plot in any case.
};

/// Prints a run as it goes. Thread-compatible.
class Report {
 public:
  Report(const ReportOptions& options, const Plan& plan) : options_(options), plan_(plan) {}

  void started(const Network& network, const Dataset& data, int64_t startStep);
  void step(int64_t step, double loss);
  void progress(const Progress& progress);
  void warning(const std::string& text);
  /// `outputs` are the files that were written. The last line is `test accuracy: 0.9650`, with the first metric, or the
  /// loss; without test rows it is that of training.
  void finished(const Network& network, const TrainResult& result, const std::vector<std::string>& outputs);

 private:
  void clearBar() const;
  ReportOptions options_;
  Plan plan_;
};

/// The layers of a net as one JSON object: `parameters`, and `layers` with `name`, `kind`, `result` and `parameters`.
std::string toJsonLine(const Network& network);

/// The losses as a picture of at most `width` columns and `height` lines of dots, with the scale at its left; empty for
/// fewer than two.
std::string plotLosses(std::span<const double> losses, int width = 60, int height = 8);

}  // namespace kiln::train
