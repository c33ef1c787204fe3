// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/training.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <numeric>
#include <random>
#include <span>

#include "examples/digits/report.h"

namespace digits {

using kiln::Status;
using kiln::StatusOr;
using kiln::Tensor;

namespace {

constexpr int64_t kBatch = 32;

std::atomic<bool> interrupted{false};

// With checkpoints, the first Ctrl-C ends the run in order; the second one ends the program.
void endOnInterrupt() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
}

// The order of the training rows in an epoch: as in the file for the reference model, shuffled otherwise.
std::vector<int64_t> epochOrder(const ModelOptions& options, int64_t numRows, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(numRows));
  std::iota(order.begin(), order.end(), 0);
  if (options.model != "reference") {
    std::mt19937_64 random(options.seed * 1000003 + static_cast<uint64_t>(epoch));
    for (size_t i = order.size(); i > 1; --i) {
      std::swap(order[i - 1], order[random() % i]);
    }
  }
  return order;
}

}  // namespace

bool wasInterrupted() { return interrupted; }

Predictor::Predictor(kiln::Session& session, const Rows& test, kiln::DType dtype) : session_(session) {
  std::vector<int64_t> all(static_cast<size_t>(test.numRows()));
  std::iota(all.begin(), all.end(), 0);
  fillBatch(test, all, dtype, x_, y_);
}

StatusOr<double> Predictor::accuracy() {
  if (!predict_) {
    KILN_ASSIGN_OR_RETURN(predict_, session_.prepareEntry("predict"));
  }
  KILN_RETURN_IF_ERROR(predict_->run({x_}, logits_));
  int64_t right = 0;
  int64_t rows = y_.numElements();
  for (int64_t i = 0; i < rows; ++i) {
    int64_t best = 0;
    for (int64_t c = 1; c < kClasses; ++c) {
      best = logits_[0].at(i * kClasses + c) > logits_[0].at(i * kClasses + best) ? c : best;
    }
    right += best == y_.data<int32_t>()[i] ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(rows);
}

std::vector<double> Predictor::firstLogits() const {
  std::vector<double> logits;
  for (int64_t c = 0; c < kClasses; ++c) {
    logits.push_back(logits_[0].at(c));
  }
  return logits;
}

Status train(const Options& options, const Rows& rows, kiln::Session& session, Checkpoints& checkpoints,
             Predictor& predictor, std::vector<double>& losses) {
  const int64_t stepsPerEpoch = rows.numRows() / kBatch;
  const int64_t total = options.steps >= 0 ? options.steps : options.epochs * stepsPerEpoch;
  const int64_t saveEvery = options.checkpointEvery > 0 ? options.checkpointEvery : stepsPerEpoch;
  const int64_t start = checkpoints.startStep();
  if (start >= total) {
    checkpoints.finish(session, start, losses);
    return kiln::Status();
  }
  if (!options.checkpoint.empty()) {
    endOnInterrupt();
  }
  KILN_ASSIGN_OR_RETURN(kiln::Callable trainStep, session.prepareEntry("train_step"));
  Progress progress(stepsPerEpoch, total);
  Tensor x, y;
  std::vector<Tensor> fetched;
  std::vector<int64_t> order;
  double epochLoss = 0;
  int64_t epochSteps = 0;
  int64_t step = start;  // how many are done
  while (step < total && !interrupted) {
    int64_t epoch = step / stepsPerEpoch, inEpoch = step % stepsPerEpoch;
    if (inEpoch == 0 || order.empty()) {
      order = epochOrder(options.model, rows.numRows(), epoch);
      epochLoss = 0;
      epochSteps = 0;
    }
    fillBatch(rows, std::span(order).subspan(inEpoch * kBatch, kBatch), options.model.dtype, x, y);
    KILN_RETURN_IF_ERROR(trainStep.run({x, y}, fetched));
    ++step;
    losses.push_back(fetched[0].at(0));
    epochLoss += losses.back();
    ++epochSteps;
    progress.step(step, losses.back());
    if (step % saveEvery == 0) {
      checkpoints.save(session, step, losses);
    }
    if (step % stepsPerEpoch == 0) {
      KILN_ASSIGN_OR_RETURN(double reached, predictor.accuracy());
      progress.epoch(epoch + 1, epochLoss / static_cast<double>(epochSteps), reached);
    }
  }
  if (interrupted) {
    progress.interrupted(step);
  }
  checkpoints.finish(session, step, losses);
  return kiln::Status();
}

}  // namespace digits
