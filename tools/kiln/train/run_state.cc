// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/kiln/train/run_state.h"

#include <algorithm>

#include "proto/base/sha256.h"

namespace kiln::train {
namespace {

std::string digestOf(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  constexpr size_t kShownBytes = 8;
  const Sha256 digest = sha256({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  std::string text;
  for (size_t i = 0; i < kShownBytes; ++i) {
    text += {kDigits[digest[i] >> 4], kDigits[digest[i] & 15]};
  }
  return text;
}

// What has to be the same before and after: the graph, and the order of the batches. Rates, lengths and folders may
// change.
std::map<std::string, std::string> describe(const TrainConfig& config) {
  TrainConfig net;
  *net.mutable_layer() = config.layer();
  *net.mutable_loss() = config.loss();
  return {{"net", digestOf(net.SerializeAsString())},
          {"data", digestOf(config.data().SerializeAsString())},
          {"optimizer", config.optimizer().type()},
          {"dtype", config.dtype()},
          {"seed", std::to_string(config.seed())},
          {"batch size", std::to_string(config.training().batch_size())},
          {"shuffle", config.training().shuffle() ? "on" : "off"}};
}

constexpr char kLossSum[] = "epoch/loss_sum", kLossCount[] = "epoch/loss_count";
constexpr char kBest[] = "early_stopping/best", kWaited[] = "early_stopping/waited", kDone[] = "early_stopping/done";

}  // namespace

StatusOr<RunCheckpoints> RunCheckpoints::open(const ConfigFile& file, bool resume) {
  RunCheckpoints checkpoints;
  if (!file.config.has_checkpoints()) {
    if (resume) {
      return meaningError(file, "checkpoints", "--resume",
                          "the description has no checkpoints { folder: .. } to go on from");
    }
    return checkpoints;
  }
  const std::string folder = file.resolve(file.config.checkpoints().folder());
  std::map<std::string, std::string> metadata = describe(file.config);
  if (resume) {
    KILN_ASSIGN_OR_RETURN(checkpoints.info_, latestCheckpoint(folder));
    KILN_RETURN_IF_ERROR(requireMetadata(*checkpoints.info_, metadata));
    checkpoints.lastStep_ = checkpoints.info_->step;
  }
  CheckpointOptions options;
  options.keepLast = static_cast<int>(std::min<int64_t>(file.config.checkpoints().keep_last(), INT32_MAX));
  options.resume = resume;
  options.metadata = std::move(metadata);
  KILN_ASSIGN_OR_RETURN(checkpoints.writer_, CheckpointWriter::open(folder, options));
  return checkpoints;
}

StatusOr<RunState> RunCheckpoints::restore(Session& session) {
  RunState state;
  if (!info_) {
    return state;
  }
  KILN_RETURN_IF_ERROR(restoreCheckpoint(session, info_->path).status());
  const std::map<std::string, double>& kept = info_->metrics;
  const auto read = [&](const char* name) {
    const auto found = kept.find(name);
    return found == kept.end() ? 0 : found->second;
  };
  state.step = info_->step;
  state.lossSum = read(kLossSum);
  state.lossCount = static_cast<int64_t>(read(kLossCount));
  if (kept.contains(kBest)) {
    state.best = read(kBest);
  }
  state.waited = static_cast<int64_t>(read(kWaited));
  state.isDone = read(kDone) != 0;
  return state;
}

void RunCheckpoints::save(const Session& session, const RunState& state,
                          const std::function<void(const std::string&)>& warn) {
  if (!writer_ || lastStep_ == state.step) {
    return;
  }
  std::map<std::string, double> metrics = {{kLossSum, state.lossSum},
                                           {kLossCount, static_cast<double>(state.lossCount)},
                                           {kWaited, static_cast<double>(state.waited)},
                                           {kDone, state.isDone ? 1 : 0}};
  if (state.best) {
    metrics[kBest] = *state.best;
  }
  last_ = writer_->save(session, state.step, metrics);
  const bool failed = !last_.ok();
  if (failed) {
    if (!isFailing_) {
      warn(std::string(last_.message()) + "; training goes on");
    }
    // The error is that of the write before; this step has not been tried.
    last_ = writer_->save(session, state.step, metrics);
  }
  isFailing_ = failed;
  lastStep_ = state.step;
}

Status RunCheckpoints::close() {
  if (!writer_) {
    return {};
  }
  const Status status = writer_->close();
  return last_.ok() ? status : last_;
}

}  // namespace kiln::train
