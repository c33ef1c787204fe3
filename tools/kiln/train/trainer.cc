// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/trainer.h"

#include <algorithm>
#include <numeric>
#include <span>

namespace kiln::train {
namespace {

// Decides after each evaluation whether training goes on.
class EarlyStop {
 public:
  static StatusOr<EarlyStop> create(const ConfigFile& file, const Network& network, const Dataset& data) {
    EarlyStop stop;
    if (!file.config.training().has_early_stopping()) {
      return stop;
    }
    stop.config_ = &file.config.training().early_stopping();
    const std::string part = "training.early_stopping";
    if (data.test.numRows() == 0) {
      return meaningError(file, part, part, "goes by the test rows, and the data have none (data.test)");
    }
    std::vector<std::string> known = {"loss"};
    known.insert(known.end(), network.metrics.begin(), network.metrics.end());
    if (std::ranges::find(known, stop.config_->metric()) == known.end()) {
      return meaningError(file, part, part, "metric " + unknownName(stop.config_->metric(), known));
    }
    return stop;
  }

  void see(const Evaluation& test, RunState& state) const {
    if (config_ == nullptr) {
      return;
    }
    const std::string& metric = config_->metric();
    const auto found = std::ranges::find(test, metric, &Evaluation::value_type::first);
    // Of errors the lowest is the best, of shares of right answers the highest.
    const bool isError = metric == "loss" || metric == "mae" || metric == "mse";
    const double gain = state.best ? (isError ? *state.best - found->second : found->second - *state.best) : 0;
    if (!state.best || gain > config_->min_delta()) {
      state.best = found->second;
      state.waited = 0;
    } else {
      state.isDone = ++state.waited >= config_->patience();
    }
  }

 private:
  const EarlyStopping* config_ = nullptr;
};

}  // namespace

NetworkInput inputOf(const Dataset& data, DType dtype, int64_t totalSteps) {
  const std::vector<int64_t>&features = data.train.features.dims(), &labels = data.train.labels.dims();
  return {.featureDims = {features.begin() + 1, features.end()},
          .hasIntegerFeatures = isInteger(data.train.features.dtype()),
          .labelDims = {labels.begin() + 1, labels.end()},
          .numClasses = data.numClasses,
          .dtype = dtype,
          .totalSteps = std::max<int64_t>(totalSteps, 1)};
}

StatusOr<Evaluation> evaluate(const Network& network, const Rows& rows, int64_t batch, Session& session) {
  KILN_ASSIGN_OR_RETURN(const Callable callable, session.prepareEntry("eval"));
  Evaluation result = {{"loss", 0}};
  for (const std::string& metric : network.metrics) {
    result.emplace_back(metric, 0);
  }
  Tensor x, y;
  std::vector<Tensor> fetched;
  std::vector<int64_t> which;
  const int64_t numRows = rows.numRows();
  for (int64_t begin = 0; begin < numRows; begin += batch) {
    which.resize(static_cast<size_t>(std::min(batch, numRows - begin)));
    std::iota(which.begin(), which.end(), begin);
    fillBatch(rows, which, x, y);
    KILN_RETURN_IF_ERROR(callable.run({x, y}, fetched));
    for (size_t i = 0; i < result.size(); ++i) {
      result[i].second += fetched[i].at(0) * static_cast<double>(which.size()) / static_cast<double>(numRows);
    }
  }
  return result;
}

StatusOr<TrainResult> trainNetwork(const ConfigFile& file, const Network& network, const Dataset& data,
                                   const Plan& plan, Session& session, RunCheckpoints& checkpoints,
                                   const Listener& listener, const std::atomic<bool>* stop) {
  KILN_ASSIGN_OR_RETURN(const EarlyStop earlyStop, EarlyStop::create(file, network, data));
  const bool hasTest = data.test.numRows() > 0;
  const auto warn = [&](const std::string& text) {
    if (listener.onWarning) {
      listener.onWarning(text);
    }
  };
  TrainResult result;
  KILN_ASSIGN_OR_RETURN(result.state, checkpoints.restore(session));
  RunState& state = result.state;
  std::optional<Callable> trainStep;
  Tensor x, y;
  std::vector<Tensor> fetched;
  std::vector<int64_t> order;
  int64_t evaluatedStep = -1;
  while (state.step < plan.totalSteps && !state.isDone && !(stop != nullptr && *stop)) {
    if (!trainStep) {
      KILN_ASSIGN_OR_RETURN(trainStep, session.prepareEntry("train_step"));
    }
    const int64_t epoch = state.step / plan.stepsPerEpoch, inEpoch = state.step % plan.stepsPerEpoch;
    if (inEpoch == 0 || order.empty()) {
      order = epochOrder(file.config, data.train.numRows(), epoch);
    }
    if (inEpoch == 0) {
      state.lossSum = 0;
      state.lossCount = 0;
    }
    fillBatch(data.train, std::span(order).subspan(inEpoch * plan.batchSize, plan.batchSize), x, y);
    KILN_RETURN_IF_ERROR(trainStep->run({x, y}, fetched));
    ++state.step;
    result.losses.push_back(fetched[0].at(0));
    state.lossSum += result.losses.back();
    ++state.lossCount;
    if (listener.onStep) {
      listener.onStep(state.step, result.losses.back());
    }
    const bool endsEpoch = state.step % plan.stepsPerEpoch == 0;
    const bool isEvaluated = hasTest && state.step % plan.evaluateEvery == 0;
    if (isEvaluated) {
      KILN_ASSIGN_OR_RETURN(result.test, evaluate(network, data.test, plan.evaluationBatch, session));
      evaluatedStep = state.step;
      earlyStop.see(result.test, state);
    }
    if (listener.onProgress && (endsEpoch || isEvaluated)) {
      listener.onProgress({.step = state.step,
                           .epoch = endsEpoch ? std::optional(epoch + 1) : std::nullopt,
                           .loss = state.meanLoss(),
                           .test = isEvaluated ? result.test : Evaluation()});
    }
    if (state.step % plan.saveEvery == 0) {
      checkpoints.save(session, state, warn);
    }
  }
  result.wasInterrupted = stop != nullptr && *stop && state.step < plan.totalSteps && !state.isDone;
  checkpoints.save(session, state, warn);
  if (hasTest && evaluatedStep != state.step) {
    KILN_ASSIGN_OR_RETURN(result.test, evaluate(network, data.test, plan.evaluationBatch, session));
  }
  return result;
}

}  // namespace kiln::train
