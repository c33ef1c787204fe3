// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "examples/digits/checkpoints.h"

#include <cstdio>
#include <map>
#include <string>

namespace digits {

using kiln::Status;

namespace {

// What has to be the same before and after: the graph, and the order of the batches.
std::map<std::string, std::string> describe(const ModelOptions& options) {
  return {{"model", options.model},
          {"optimizer", options.optimizer},
          {"dtype", std::string(kiln::toString(options.dtype))},
          {"seed", std::to_string(options.seed)}};
}

}  // namespace

kiln::StatusOr<Checkpoints> Checkpoints::open(const Options& options) {
  Checkpoints checkpoints;
  if (options.checkpoint.empty()) {
    return checkpoints;
  }
  std::map<std::string, std::string> metadata = describe(options.model);
  if (options.resume) {
    KILN_ASSIGN_OR_RETURN(checkpoints.info_, kiln::latestCheckpoint(options.checkpoint));
    KILN_RETURN_IF_ERROR(kiln::requireMetadata(*checkpoints.info_, metadata));
    checkpoints.lastStep_ = checkpoints.info_->step;
  }
  KILN_ASSIGN_OR_RETURN(
      checkpoints.writer_,
      kiln::CheckpointWriter::open(options.checkpoint, {.resume = options.resume, .metadata = std::move(metadata)}));
  return checkpoints;
}

Status Checkpoints::restore(kiln::Session& session) {
  if (!info_) {
    return kiln::Status();
  }
  KILN_RETURN_IF_ERROR(kiln::restoreCheckpoint(session, info_->path).status());
  std::printf("resumed after step %lld\n", static_cast<long long>(info_->step));
  return kiln::Status();
}

void Checkpoints::save(const kiln::Session& session, int64_t step, const std::vector<double>& losses) {
  if (!writer_) {
    return;
  }
  std::map<std::string, double> metrics;
  if (!losses.empty()) {
    metrics["loss"] = losses.back();
  }
  last_ = writer_->save(session, step, metrics);
  bool failed = !last_.ok();
  if (failed) {
    if (!isFailing_) {
      std::fprintf(stderr, "warning: %s; training goes on\n", std::string(last_.message()).c_str());
    }
    // The error is that of the write before; this step has not been tried.
    last_ = writer_->save(session, step, metrics);
  }
  isFailing_ = failed;
  lastStep_ = step;
}

void Checkpoints::finish(const kiln::Session& session, int64_t step, const std::vector<double>& losses) {
  if (lastStep_ != step) {
    save(session, step, losses);
  }
}

Status Checkpoints::close() {
  if (!writer_) {
    return kiln::Status();
  }
  Status status = writer_->close();
  return last_.ok() ? status : last_;
}

}  // namespace digits
