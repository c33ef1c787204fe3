// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The process ends, as by kill -9, before each operation of a run's saves in turn: the folder always resumes, and from
// the last checkpoint that was complete.
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "runtime/checkpoint/checkpoint_testing.h"

namespace kiln::runtime {
namespace {

constexpr int kKilled = 42, kFinished = 0, kFailed = 1;

// Ends the process before the operation of this number.
class CrashingFiles : public FileLayer {
 public:
  explicit CrashingFiles(int which) : which_(which) {}

 protected:
  int before(std::string_view, const std::string&) override {
    if (count_++ == which_) {
      ::_exit(kKilled);
    }
    return 0;
  }

 private:
  int which_;
  int count_ = 0;
};

// Trains on from what is in the folder to `steps`, saving after each step.
Status trainTo(const std::string& dir, int64_t steps, const CheckpointOptions& options) {
  Session session = fakeSession();
  int64_t done = 0;
  if (!checkpointSteps(dir).empty()) {
    KILN_ASSIGN_OR_RETURN(CheckpointInfo info, latestCheckpoint(dir));
    KILN_RETURN_IF_ERROR(restoreCheckpoint(session, info.path).status());
    done = info.step;
    if (session.variable("count")->at(0) != static_cast<double>(done)) {
      return absl::InternalError("the checkpoint is of another step");
    }
  }
  KILN_ASSIGN_OR_RETURN(CheckpointWriter writer, CheckpointWriter::open(dir, options));
  while (done < steps) {
    trainStep(session);
    ++done;
    KILN_RETURN_IF_ERROR(writer.save(session, done, {{"loss", static_cast<double>(done % 3)}}));
  }
  return writer.close();
}

int exitCodeOf(pid_t child) {
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void crashEverywhere(const CheckpointOptions& options) {
  int64_t reached = 0;
  for (int which = 0;; ++which) {
    TestFolder folder;
    std::string dir = folder / "run";
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      CheckpointOptions crashing = options;
      crashing.files = std::make_shared<CrashingFiles>(which);
      ::_exit(trainTo(dir, 3, crashing).ok() ? kFinished : kFailed);
    }
    int code = exitCodeOf(child);
    ASSERT_TRUE(code == kKilled || code == kFinished) << "operation " << which << ": " << code;
    std::vector<int64_t> steps = checkpointSteps(dir);
    for (int64_t step : steps) {
      EXPECT_TRUE(verifyCheckpoint(checkpointPath(dir, step)).ok()) << "operation " << which << ", step " << step;
    }
    EXPECT_GE(steps.empty() ? 0 : steps.back(), reached) << "a later crash left less";
    reached = std::max(reached, steps.empty() ? 0 : steps.back());
    Status resumed = trainTo(dir, 4, options);
    ASSERT_TRUE(resumed.ok()) << "operation " << which << ": " << resumed;
    EXPECT_EQ(latestCheckpoint(dir)->step, 4);
    for (const std::string& name : folder.names("run")) {
      EXPECT_TRUE(name.starts_with("step-")) << "operation " << which << " left " << name;
    }
    if (code == kFinished) {
      EXPECT_EQ(reached, 3);
      EXPECT_GT(which, 30);
      return;
    }
  }
}

TEST(Crash, folder_resumes_when_one_is_kept) { crashEverywhere({.keepLast = 1, .resume = true}); }

TEST(Crash, folder_resumes_when_the_newest_and_the_best_are_kept) {
  crashEverywhere({.keepLast = 2, .keepBest = 1, .metric = "loss", .resume = true});
}

TEST(Crash, mark_of_the_writer_ends_with_its_process) {
  TestFolder folder;
  std::string dir = folder / "run";
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto writer = CheckpointWriter::open(dir);
    ::_exit(writer.ok() ? kKilled : kFailed);
  }
  ASSERT_EQ(exitCodeOf(child), kKilled);
  EXPECT_TRUE(CheckpointWriter::open(dir).ok());
}

}  // namespace
}  // namespace kiln::runtime
