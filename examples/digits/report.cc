// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/report.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "examples/digits/dataset.h"

namespace digits {
namespace {

constexpr int kBarWidth = 30;
constexpr int kSide = 8;

std::string bar(double fraction, int width, const char* full, const char* rest) {
  int filled = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * width));
  std::string text;
  for (int i = 0; i < width; ++i) {
    text += i < filled ? full : rest;
  }
  return text;
}

}  // namespace

Progress::Progress(int64_t stepsPerEpoch, int64_t totalSteps)
    : isTerminal_(isatty(STDOUT_FILENO) != 0), stepsPerEpoch_(stepsPerEpoch), totalSteps_(totalSteps) {}

void Progress::clearBar() {
  if (isTerminal_) {
    std::printf("\r\x1b[K");
  }
}

void Progress::step(int64_t step, double loss) {
  if (isFirst_) {
    isFirst_ = false;
    std::printf("step %lld loss %.4f\n", static_cast<long long>(step), loss);
    std::fflush(stdout);
  }
  // Redrawing costs more than a step, so only about every fiftieth part of an epoch is shown.
  int64_t every = std::max<int64_t>(1, stepsPerEpoch_ / 50);
  if (isTerminal_ && step % every == 0) {
    double fraction = static_cast<double>(step) / static_cast<double>(totalSteps_);
    std::printf("\r\x1b[K%s %3.0f%%  step %lld  loss %.4f", bar(fraction, kBarWidth, "█", "░").c_str(), 100 * fraction,
                static_cast<long long>(step), loss);
    std::fflush(stdout);
  }
}

void Progress::epoch(int64_t epoch, double meanLoss, double accuracy) {
  clearBar();
  std::printf("epoch %3lld  loss %.4f  test accuracy %.4f\n", static_cast<long long>(epoch), meanLoss, accuracy);
  std::fflush(stdout);
}

void Progress::interrupted(int64_t step) {
  clearBar();
  std::printf("interrupted after step %lld\n", static_cast<long long>(step));
}

void drawPrediction(std::span<const double> pixels, std::span<const double> logits, int label) {
  constexpr std::array kShades = {"  ", "░░", "▒▒", "▓▓", "██"};
  double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double logit : logits) {
    sum += std::exp(logit - largest);
  }
  auto best = static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  std::printf("\nA test image, and what the network sees in it:\n\n");
  for (int row = 0; row < static_cast<int>(kClasses); ++row) {
    std::string line = "  ";
    for (int column = 0; column < kSide; ++column) {
      double shade = row < kSide ? pixels[row * kSide + column] : 0;
      line += kShades[static_cast<size_t>(std::lround(shade * (kShades.size() - 1)))];
    }
    double probability = std::exp(logits[row] - largest) / sum;
    std::printf("%s   %d %s %5.1f%%%s\n", line.c_str(), row, bar(probability, kBarWidth, "█", " ").c_str(),
                100 * probability, row == best ? (best == label ? "  <- right" : "  <- wrong") : "");
  }
  std::printf("\n");
}

}  // namespace digits
