// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/checkpoint/stored_checkpoint.h"

namespace kiln {
namespace {

// How often a checkpoint may be removed by a writer between being listed and being opened before that is an error.
constexpr int kMaxTries = 100;

CheckpointInfo infoOf(const runtime::StoredCheckpoint& stored) {
  const runtime::Manifest& manifest = stored.manifest();
  CheckpointInfo info{.path = stored.path(),
                      .step = manifest.step,
                      .model = manifest.model,
                      .metadata = manifest.metadata,
                      .metrics = manifest.metrics,
                      .tensors = {}};
  for (const runtime::ManifestTensor& tensor : manifest.tensors) {
    info.tensors.push_back({.name = tensor.name, .dtype = tensor.dtype, .dims = tensor.dims});
  }
  return info;
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

std::vector<int64_t> checkpointSteps(const std::string& folder) {
  return runtime::listSteps(folder, runtime::stepOfName);
}

std::string checkpointPath(const std::string& folder, int64_t step) { return folder + "/" + runtime::stepName(step); }

StatusOr<CheckpointInfo> readCheckpoint(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(runtime::StoredCheckpoint stored, runtime::StoredCheckpoint::open(path));
  return infoOf(stored);
}

StatusOr<CheckpointInfo> latestCheckpoint(const std::string& folder) {
  for (int i = 0;; ++i) {
    std::vector<int64_t> steps = checkpointSteps(folder);
    if (steps.empty()) {
      bool readable = ::access(folder.c_str(), R_OK | X_OK) == 0;
      return makeError<ErrorId::kR0201>(folder, readable ? "the folder has none" : std::string(std::strerror(errno)));
    }
    std::string path = checkpointPath(folder, steps.back());
    auto info = readCheckpoint(path);
    if (info.ok() || exists(path) || i == kMaxTries) {
      return info;
    }
  }
}

Status verifyCheckpoint(const std::string& path) {
  KILN_ASSIGN_OR_RETURN(runtime::StoredCheckpoint stored, runtime::StoredCheckpoint::open(path));
  for (const runtime::ManifestTensor& tensor : stored.manifest().tensors) {
    KILN_RETURN_IF_ERROR(stored.read(tensor).status());
  }
  return absl::OkStatus();
}

Status requireMetadata(const CheckpointInfo& checkpoint, const std::map<std::string, std::string>& wanted) {
  for (const auto& [key, value] : wanted) {
    auto found = checkpoint.metadata.find(key);
    if (found == checkpoint.metadata.end() || found->second != value) {
      return makeError<ErrorId::kR0215>(checkpoint.path, key,
                                        found == checkpoint.metadata.end() ? "not known" : "'" + found->second + "'",
                                        "'" + value + "'");
    }
  }
  return absl::OkStatus();
}

}  // namespace kiln
