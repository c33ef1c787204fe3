// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What stays in the folder, what a failed write leaves behind, and that training goes on meanwhile.
#include "runtime/checkpoint/writer.h"

#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/checkpoint/checkpoint_testing.h"

namespace kiln::runtime {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Steps = std::vector<int64_t>;

// A writer that has to open.
CheckpointWriter opened(const std::string& folder, const CheckpointOptions& options = {}) {
  auto writer = CheckpointWriter::open(folder, options);
  EXPECT_TRUE(writer.ok()) << writer.status();
  return std::move(writer).value();
}

class Writer : public ::testing::Test {
 protected:
  TestFolder folder;
  Session session = fakeSession();
  std::string dir = folder / "deep/run";
};

TEST_F(Writer, keeps_the_newest_and_the_best) {
  CheckpointWriter writer = opened(dir, {.keepLast = 2, .keepBest = 1, .metric = "loss"});
  for (int64_t step = 1; step <= 6; ++step) {
    trainStep(session);
    double loss = step == 2 ? 0.1 : 0.5;
    ASSERT_TRUE(writer.save(session, step, {{"loss", loss}, {"other", 0}}).ok());
  }
  ASSERT_TRUE(writer.wait().ok());
  EXPECT_EQ(checkpointSteps(dir), (Steps{2, 5, 6}));
  ASSERT_TRUE(writer.close().ok());
  EXPECT_THAT(folder.names("deep/run"), ElementsAre("step-00000002", "step-00000005", "step-00000006"));
  for (int64_t step : checkpointSteps(dir)) {
    EXPECT_TRUE(verifyCheckpoint(checkpointPath(dir, step)).ok());
  }
  // The next writer knows from the manifests which was best.
  CheckpointWriter next = opened(dir, {.keepLast = 1, .keepBest = 1, .metric = "loss", .resume = true});
  ASSERT_TRUE(next.save(session, 7, {{"loss", 0.2}}).ok());
  ASSERT_TRUE(next.close().ok());
  EXPECT_EQ(checkpointSteps(dir), (Steps{2, 7}));
}

TEST_F(Writer, snapshot_is_of_the_moment_of_the_call) {
  CheckpointWriter writer = opened(dir);
  trainStep(session);
  auto then = session.variables();
  ASSERT_TRUE(writer.save(session, 1).ok());
  trainStep(session);
  ASSERT_TRUE(writer.wait().ok());
  Session other = fakeSession();
  ASSERT_TRUE(restoreCheckpoint(other, checkpointPath(dir, 1)).ok());
  expectValues(other, then);
}

// Lets a write begin and holds it there.
class GatedFiles : public FileLayer {
 public:
  void open() {
    std::lock_guard<std::mutex> guard(mutex_);
    isOpen_ = true;
    changed_.notify_all();
  }

 protected:
  int before(std::string_view operation, const std::string&) override {
    std::unique_lock<std::mutex> guard(mutex_);
    changed_.wait(guard, [&] { return isOpen_ || operation != "write"; });
    return 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool isOpen_ = false;
};

TEST_F(Writer, training_goes_on_while_a_checkpoint_is_written) {
  auto files = std::make_shared<GatedFiles>();
  CheckpointWriter writer = opened(dir, {.files = files});
  trainStep(session);
  ASSERT_TRUE(writer.save(session, 1).ok());
  for (int i = 0; i < 100; ++i) {
    trainStep(session);
  }
  EXPECT_EQ(session.variable("count")->at(0), 101);
  EXPECT_EQ(checkpointSteps(dir), Steps{}) << "the write is held back, so training did not wait for it";
  files->open();
  ASSERT_TRUE(writer.save(session, 101).ok());
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(checkpointSteps(dir), (Steps{1, 101}));
}

TEST_F(Writer, steps_rise) {
  CheckpointWriter writer = opened(dir);
  ASSERT_TRUE(writer.save(session, 5).ok());
  expectError(writer.save(session, 5), "KILN-R0210", "cannot save step 5: the newest checkpoint is of step 5");
  expectError(writer.save(session, 4), "KILN-R0210", "step 4");
  expectError(writer.save(session, -1), "KILN-R0211", "-1");
  EXPECT_TRUE(writer.save(session, 6).ok());
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(checkpointSteps(dir), (Steps{5, 6}));
}

TEST_F(Writer, options_without_a_meaning_are_refused) {
  expectError(CheckpointWriter::open(dir, {.keepLast = 0}).status(), "KILN-R0211", "keepLast");
  expectError(CheckpointWriter::open(dir, {.keepBest = -1}).status(), "KILN-R0211", "keepBest");
  expectError(CheckpointWriter::open(dir, {.keepBest = 1}).status(), "KILN-R0211", "metric");
  EXPECT_FALSE(fs::exists(dir));
  CheckpointWriter writer = opened(dir, {.keepBest = 1, .metric = "loss"});
  expectError(writer.save(session, 1, {{"lost", 1}}), "KILN-R0211", "'loss', which step 1 lacks");
}

TEST_F(Writer, old_checkpoints_are_not_mixed_with_a_new_run) {
  CheckpointWriter first = opened(dir);
  ASSERT_TRUE(first.save(session, 3).ok());
  ASSERT_TRUE(first.close().ok());
  expectError(CheckpointWriter::open(dir).status(), "KILN-R0208", "the newest of step 3");
  EXPECT_TRUE(CheckpointWriter::open(dir, {.resume = true}).ok());
}

TEST_F(Writer, one_at_a_time) {
  CheckpointWriter first = opened(dir);
  expectError(CheckpointWriter::open(dir).status(), "KILN-R0209", "another writer");
  ASSERT_TRUE(first.close().ok());
  EXPECT_TRUE(CheckpointWriter::open(dir).ok());
}

TEST_F(Writer, leftovers_of_a_write_that_was_cut_short_are_removed) {
  fs::create_directories(dir + "/.step-00000004.tmp");
  writeBytes(dir + "/.step-00000004.tmp/variables.safetensors", "half");
  fs::create_directories(dir + "/.other.tmp");
  CheckpointWriter writer = opened(dir);
  EXPECT_THAT(folder.names("deep/run"), ElementsAre(".other.tmp")) << "what is not ours stays";
}

TEST_F(Writer, names_are_on_the_disk_before_the_old_ones_go) {
  auto files = std::make_shared<RecordingFiles>();
  CheckpointWriter writer = opened(dir, {.keepLast = 1, .files = files});
  ASSERT_TRUE(writer.save(session, 1).ok());
  ASSERT_TRUE(writer.wait().ok());
  files->log.clear();
  ASSERT_TRUE(writer.save(session, 2).ok());
  ASSERT_TRUE(writer.close().ok());
  std::erase_if(files->log, [](const std::string& line) { return line.starts_with("write "); });
  EXPECT_THAT(files->log,
              ElementsAre("mkdir .step-00000002.tmp",                         //
                          "open .step-00000002.tmp/variables.safetensors",    //
                          "fsync .step-00000002.tmp/variables.safetensors",   //
                          "open .step-00000002.tmp/manifest.json",            //
                          "fsync .step-00000002.tmp/manifest.json",           //
                          "fsync .step-00000002.tmp",                         //
                          "rename step-00000002",                             //
                          "fsync run",                                        //
                          "rename .step-00000001.tmp",                        //
                          "unlink .step-00000001.tmp/manifest.json",          //
                          "unlink .step-00000001.tmp/variables.safetensors",  //
                          "rmdir .step-00000001.tmp"));
}

// Fails every operation of a save in turn, as a full disk or a broken one would.
TEST_F(Writer, failed_write_leaves_everything_as_it_was) {
  auto before = session.variables();
  for (int which = 0;; ++which) {
    std::string run = folder / ("run" + std::to_string(which));
    ASSERT_TRUE(opened(run).save(session, 1).ok());
    auto files = std::make_shared<FailingFiles>(which);
    CheckpointWriter writer = opened(run, {.resume = true, .files = files});
    ASSERT_TRUE(writer.save(session, 2).ok()) << "the error comes with the next call";
    Status status = writer.wait();
    if (files->numOperations() <= which) {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_GT(which, 8);
      break;
    }
    expectError(status, "KILN-R0207", "No space left on device");
    EXPECT_TRUE(writer.wait().ok()) << "an error is reported once";
    EXPECT_TRUE(verifyCheckpoint(checkpointPath(run, 1)).ok());
    EXPECT_TRUE(latestCheckpoint(run).ok());
    expectValues(session, before);
    for (const std::string& name : folder.names("run" + std::to_string(which))) {
      EXPECT_FALSE(name.ends_with(".tmp")) << "operation " << which << " left " << name;
    }
    // Room has been made, and training goes on.
    ASSERT_TRUE(writer.save(session, 3).ok());
    ASSERT_TRUE(writer.close().ok());
    EXPECT_EQ(latestCheckpoint(run)->step, 3);
  }
}

TEST_F(Writer, error_of_a_write_comes_with_the_next_call_of_any_kind) {
  for (int call = 0; call < 3; ++call) {
    std::string run = folder / ("run" + std::to_string(call));
    CheckpointWriter writer = opened(run, {.files = std::make_shared<FailingFiles>(4)});
    ASSERT_TRUE(writer.save(session, 1).ok());
    Status status = call == 0 ? writer.save(session, 2) : call == 1 ? writer.wait() : writer.close();
    expectError(status, "KILN-R0207", "No space left on device");
    if (call == 0) {
      ASSERT_TRUE(writer.save(session, 2).ok());
      ASSERT_TRUE(writer.wait().ok());
      EXPECT_EQ(checkpointSteps(run), Steps{2});
    }
  }
}

TEST_F(Writer, disk_that_stays_broken_leaves_leftovers_to_the_next_writer) {
  CheckpointWriter writer = opened(dir, {.files = std::make_shared<FailingFiles>(9, EIO, /*forGood=*/true)});
  ASSERT_TRUE(writer.save(session, 1).ok());
  expectError(writer.close(), "KILN-R0207", "Input/output error");
  EXPECT_EQ(checkpointSteps(dir), Steps{});
  CheckpointWriter next = opened(dir);
  EXPECT_THAT(folder.names("deep/run"), IsEmpty());
}

// The limit on the size of a file stands for a full disk: the write itself fails, in the middle of the tensors.
TEST_F(Writer, write_that_the_system_cuts_short) {
  CheckpointWriter writer = opened(dir);
  ASSERT_TRUE(writer.save(session, 1).ok());
  ASSERT_TRUE(writer.wait().ok());
  auto before = session.variables();
  struct rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit tight{.rlim_cur = 1000, .rlim_max = old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  Status saved = writer.save(session, 2), status = writer.wait();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(saved.ok()) << saved;
  expectError(status, "KILN-R0207", "File too large");
  EXPECT_THAT(folder.names("deep/run"), ElementsAre("step-00000001"));
  EXPECT_TRUE(verifyCheckpoint(checkpointPath(dir, 1)).ok());
  expectValues(session, before);
  EXPECT_TRUE(writer.save(session, 3).ok());
  EXPECT_TRUE(writer.close().ok());
}

// As a user who may write anywhere, permissions hold nobody back.
class WithoutRights {
 public:
  WithoutRights() : user_(::geteuid()) { changed_ = user_ == 0 && ::seteuid(65534) == 0; }
  ~WithoutRights() {
    if (changed_) {
      EXPECT_EQ(::seteuid(user_), 0);
    }
  }

 private:
  uid_t user_;
  bool changed_ = false;
};

TEST_F(Writer, folder_that_becomes_read_only) {
  CheckpointWriter writer = opened(dir);
  ASSERT_TRUE(writer.save(session, 1).ok());
  ASSERT_TRUE(writer.wait().ok());
  auto before = session.variables();
  fs::permissions(folder / "", fs::perms::all);
  fs::permissions(folder / "deep", fs::perms::all);
  fs::permissions(dir, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  {
    WithoutRights rights;
    EXPECT_TRUE(writer.save(session, 2).ok());
    expectError(writer.wait(), "KILN-R0207", "Permission denied");
    expectError(CheckpointWriter::open(dir, {.resume = true}).status(), "KILN-R0207", "Permission denied");
  }
  fs::permissions(dir, fs::perms::all);
  EXPECT_THAT(folder.names("deep/run"), ElementsAre("step-00000001"));
  expectValues(session, before);
  EXPECT_TRUE(writer.save(session, 2).ok());
  EXPECT_TRUE(writer.close().ok());
  EXPECT_EQ(checkpointSteps(dir), (Steps{1, 2}));
}

TEST_F(Writer, paths_that_cannot_be_folders) {
  writeBytes(folder / "file", "text");
  expectError(CheckpointWriter::open(folder / "file").status(), "KILN-R0207", "it is not a folder");
  expectError(CheckpointWriter::open(folder / "file/run").status(), "KILN-R0207", "it is not a folder");
  expectError(CheckpointWriter::open("/proc/checkpoints").status(), "KILN-R0207", "/proc/checkpoints");
}

TEST_F(Writer, checkpoint_that_somebody_removed_meanwhile_is_no_error) {
  CheckpointWriter writer = opened(dir, {.keepLast = 1});
  ASSERT_TRUE(writer.save(session, 1).ok());
  ASSERT_TRUE(writer.wait().ok());
  fs::remove_all(checkpointPath(dir, 1));
  ASSERT_TRUE(writer.save(session, 2).ok());
  ASSERT_TRUE(writer.close().ok());
  EXPECT_EQ(checkpointSteps(dir), Steps{2});
}

TEST_F(Writer, reader_beside_the_writer_always_finds_one) {
  CheckpointWriter writer = opened(dir, {.keepLast = 1});
  ASSERT_TRUE(writer.save(session, 1).ok());
  ASSERT_TRUE(writer.wait().ok());
  int64_t last = 1;
  for (int64_t step = 2; step <= 60; ++step) {
    ASSERT_TRUE(writer.save(session, step).ok());
    auto info = latestCheckpoint(dir);
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_GE(info->step, last);
    last = info->step;
  }
}

TEST_F(Writer, type_that_the_format_lacks_is_named) {
  Session complex = sessionOf({{"spectrum", Tensor(DType::kC128, {2})}, {"w", Tensor(f32, {2})}});
  CheckpointWriter writer = opened(dir);
  ASSERT_TRUE(writer.save(complex, 1).ok());
  expectError(writer.wait(), "KILN-P0046", "'spectrum'");
  EXPECT_THAT(folder.names("deep/run"), IsEmpty());
}

TEST_F(Writer, single_checkpoint_is_not_overwritten) {
  ASSERT_TRUE(saveCheckpoint(session, folder / "one.ckpt/", 4).ok());
  expectError(saveCheckpoint(session, folder / "one.ckpt", 5), "KILN-R0208", "is there already");
  EXPECT_EQ(readCheckpoint(folder / "one.ckpt")->step, 4);
  expectError(saveCheckpoint(session, folder / "none/one.ckpt"), "KILN-R0207", "No such file or directory");
  EXPECT_THAT(folder.names(), ElementsAre("one.ckpt"));
}

TEST_F(Writer, later_snapshots_use_the_same_memory) {
  std::vector<Tensor> values;
  session.copyVariables(values);
  std::vector<const void*> memory;
  for (const Tensor& value : values) {
    memory.push_back(value.data());
  }
  trainStep(session);
  session.copyVariables(values);
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].data(), memory[i]);
    EXPECT_TRUE(values[i].identicalTo(*session.variable(session.variableNames()[i])));
  }
}

}  // namespace
}  // namespace kiln::runtime
