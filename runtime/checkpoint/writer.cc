// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/checkpoint/writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/checkpoint/reader.h"
#include "runtime/checkpoint/retention.h"
#include "runtime/checkpoint/snapshot.h"
#include "runtime/checkpoint/stored_checkpoint.h"

namespace kiln {
namespace {

using runtime::KeptCheckpoint;
using runtime::Snapshot;

std::string withoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

std::string parentOf(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

bool exists(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

// With its parents; each name is made durable.
Status makeFolders(FileLayer& files, const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    return S_ISDIR(info.st_mode) ? absl::OkStatus() : makeError<ErrorId::kR0207>(path, "it is not a folder");
  }
  std::string parent = parentOf(path);
  if (parent != path) {
    KILN_RETURN_IF_ERROR(makeFolders(files, parent));
  }
  KILN_RETURN_IF_ERROR(files.makeFolder(path));
  return files.syncFolder(parent);
}

// Holds the mark that says who writes here. The system takes it back when the process ends, in whatever way.
class FolderLock {
 public:
  FolderLock() = default;
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  Status take(const std::string& folder) {
    fd_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd_ < 0) {
      return makeError<ErrorId::kR0207>(folder, std::string(std::strerror(errno)));
    }
    // Some network file systems have no locks on folders; there it is up to the user.
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      return makeError<ErrorId::kR0209>(folder);
    }
    return absl::OkStatus();
  }

 private:
  int fd_ = -1;
};

Status checkOptions(const CheckpointOptions& options) {
  if (options.keepLast < 1) {
    return makeError<ErrorId::kR0211>("keepLast", "found " + std::to_string(options.keepLast) + ", wanted 1 or more");
  }
  if (options.keepBest < 0) {
    return makeError<ErrorId::kR0211>("keepBest", "found " + std::to_string(options.keepBest) + ", wanted 0 or more");
  }
  if (options.keepBest > 0 && options.metric.empty()) {
    return makeError<ErrorId::kR0211>("metric", "keepBest is set, and no metric is named that it goes by");
  }
  return absl::OkStatus();
}

}  // namespace

struct CheckpointWriter::State {
  std::string folder;
  CheckpointOptions options;
  std::shared_ptr<FileLayer> files;
  FolderLock lock;

  std::mutex mutex;
  std::condition_variable changed;
  // Guarded by the mutex: true while the thread owns `snapshot` and `kept`, otherwise the caller does.
  bool writing = false;
  bool stopping = false;
  Status status;  // of the last write
  Snapshot snapshot;
  std::vector<KeptCheckpoint> kept;  // what is in the folder, rising
  std::thread thread;

  ~State() { stop(); }

  void stop() {
    {
      std::lock_guard<std::mutex> guard(mutex);
      stopping = true;
    }
    changed.notify_all();
    if (thread.joinable()) {
      thread.join();
    }
  }

  // The error of the last write, once.
  Status waitForThread() {
    std::unique_lock<std::mutex> guard(mutex);
    changed.wait(guard, [&] { return !writing; });
    return std::exchange(status, absl::OkStatus());
  }

  void start() {
    {
      std::lock_guard<std::mutex> guard(mutex);
      writing = true;
    }
    if (!thread.joinable()) {
      thread = std::thread([this] { work(); });
    }
    changed.notify_all();
  }

  void work() {
    std::unique_lock<std::mutex> guard(mutex);
    while (true) {
      changed.wait(guard, [&] { return writing || stopping; });
      if (!writing) {
        return;
      }
      guard.unlock();
      Status result = write();
      guard.lock();
      status = std::move(result);
      writing = false;
      changed.notify_all();
    }
  }

  std::string path(const std::string& name) const { return folder + "/" + name; }

  Status write() {
    int64_t step = snapshot.step;
    std::string target = path(runtime::stepName(step));
    Status result = runtime::writeSnapshot(snapshot, *files, folder, path(runtime::temporaryName(step)), target);
    if (!result.ok() && !exists(target)) {
      return result;
    }
    auto metric = snapshot.metrics.find(options.metric);
    kept.push_back(
        {.step = step, .metric = metric == snapshot.metrics.end() ? std::nullopt : std::optional(metric->second)});
    // When the name may be lost with the power, the old ones are still needed.
    return result.ok() ? removeOld() : result;
  }

  // The new one is on the disk by now. An old one loses its name in one step, so readers never see half of it.
  Status removeOld() {
    for (int64_t step : runtime::stepsToRemove(
             kept,
             {.keepLast = options.keepLast, .keepBest = options.keepBest, .lowerIsBetter = options.lowerIsBetter})) {
      std::string temporary = path(runtime::temporaryName(step));
      if (exists(path(runtime::stepName(step)))) {
        KILN_RETURN_IF_ERROR(files->rename(path(runtime::stepName(step)), temporary));
      }
      std::erase_if(kept, [&](const KeptCheckpoint& checkpoint) { return checkpoint.step == step; });
      KILN_RETURN_IF_ERROR(files->removeFolder(temporary));
    }
    return absl::OkStatus();
  }

  Status removeLeftovers() {
    for (int64_t step : runtime::listSteps(folder, runtime::stepOfTemporaryName)) {
      KILN_RETURN_IF_ERROR(files->removeFolder(path(runtime::temporaryName(step))));
    }
    return absl::OkStatus();
  }

  void listKept() {
    for (int64_t step : checkpointSteps(folder)) {
      std::optional<double> metric;
      if (options.keepBest > 0) {
        // One that cannot be read is never best.
        auto info = readCheckpoint(checkpointPath(folder, step));
        if (info.ok() && info->metrics.contains(options.metric)) {
          metric = info->metrics.at(options.metric);
        }
      }
      kept.push_back({.step = step, .metric = metric});
    }
  }
};

CheckpointWriter::CheckpointWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
CheckpointWriter::CheckpointWriter(CheckpointWriter&& other) noexcept = default;
CheckpointWriter& CheckpointWriter::operator=(CheckpointWriter&& other) noexcept = default;
CheckpointWriter::~CheckpointWriter() = default;

StatusOr<CheckpointWriter> CheckpointWriter::open(const std::string& folder, const CheckpointOptions& options) {
  KILN_RETURN_IF_ERROR(checkOptions(options));
  auto state = std::make_unique<State>();
  state->folder = withoutSlash(folder);
  state->options = options;
  state->files = options.files != nullptr ? options.files : std::make_shared<FileLayer>();
  KILN_RETURN_IF_ERROR(makeFolders(*state->files, state->folder));
  if (::faccessat(AT_FDCWD, state->folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    return makeError<ErrorId::kR0207>(state->folder, std::string(std::strerror(errno)));
  }
  KILN_RETURN_IF_ERROR(state->lock.take(state->folder));
  state->listKept();
  if (!options.resume && !state->kept.empty()) {
    return makeError<ErrorId::kR0208>(
        state->folder, "has checkpoints already, the newest of step " + std::to_string(state->kept.back().step));
  }
  KILN_RETURN_IF_ERROR(state->removeLeftovers());
  return CheckpointWriter(std::move(state));
}

Status CheckpointWriter::save(const Session& session, int64_t step, const std::map<std::string, double>& metrics) {
  KILN_RETURN_IF_ERROR(state_->waitForThread());
  if (step < 0) {
    return makeError<ErrorId::kR0211>("step", "found " + std::to_string(step) + ", wanted 0 or more");
  }
  if (!state_->kept.empty() && step <= state_->kept.back().step) {
    return makeError<ErrorId::kR0210>(state_->folder, step, state_->kept.back().step);
  }
  if (state_->options.keepBest > 0 && !metrics.contains(state_->options.metric)) {
    return makeError<ErrorId::kR0211>(
        "metric", "keepBest goes by '" + state_->options.metric + "', which step " + std::to_string(step) + " lacks");
  }
  Snapshot& snapshot = state_->snapshot;
  snapshot.step = step;
  snapshot.metadata = state_->options.metadata;
  snapshot.metrics = metrics;
  snapshot.take(session);
  state_->start();
  return absl::OkStatus();
}

Status CheckpointWriter::wait() { return state_->waitForThread(); }

Status CheckpointWriter::close() {
  Status status = state_->waitForThread();
  state_ = nullptr;
  return status;
}

Status saveCheckpoint(const Session& session, const std::string& path, int64_t step,
                      const std::map<std::string, std::string>& metadata) {
  std::string target = withoutSlash(path);
  if (exists(target)) {
    return makeError<ErrorId::kR0208>(target, "is there already, and checkpoints are not overwritten");
  }
  Snapshot snapshot;
  snapshot.step = step;
  snapshot.metadata = metadata;
  snapshot.take(session);
  FileLayer files;
  std::string temporary = target + ".tmp" + std::to_string(::getpid());
  return runtime::writeSnapshot(snapshot, files, parentOf(target), temporary, target);
}

}  // namespace kiln
